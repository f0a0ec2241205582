import { describe, expect, it } from 'vitest';

import type { JobStore, PassSnapshot } from '../../../src/store/job-store.js';
import {
  aJob,
  aNode,
  aPass,
  advanceOf,
  claimAll,
  decideAll,
  decisions,
  FAR_FUTURE,
  PAST,
  plus,
  recordFor,
  SECOND,
} from '../builders.js';
import { added, registered, running, waiting, type Fixture } from './fixture.js';

export function concurrencyPromises(fixture: Fixture): void {
  const bothStores = async (): Promise<readonly [JobStore, JobStore]> => [fixture.store, await fixture.another()];

  describe('two stores at once', () => {
    it('fire each due job once', async () => {
      const stores = await bothStores();
      const node = await registered(fixture.store);
      const jobs = Array.from({ length: 40 }, (_, n) => aJob({ id: `job-${n}` }));
      await added(fixture.store, ...jobs);
      const passes = Array.from({ length: 12 }, (_, n) => stores[n % 2]!.pass(aPass(node, { limit: 10 }), decideAll));
      const fired = (await Promise.all(passes)).flatMap(({ recorded }) => recorded.map(({ jobUid }) => jobUid));
      expect(fired).toHaveLength(new Set(fired).size);
      expect((await fixture.store.getExecutions({})).items).toHaveLength(fired.length);
      const rest = await fixture.store.pass(aPass(node), decideAll);
      expect([...fired, ...rest.recorded.map(({ jobUid }) => jobUid)].sort()).toEqual(
        jobs.map(({ uid }) => uid).sort(),
      );
    });

    it('claim each execution that waits once', async () => {
      const stores = await bothStores();
      const node = await registered(fixture.store);
      const jobs = await added(
        fixture.store,
        ...Array.from({ length: 10 }, (_, n) => aJob({ id: `job-${n}`, nextRunAt: FAR_FUTURE })),
      );
      const ids: string[] = [];
      for (const job of jobs) ids.push(await waiting(fixture.store, job, PAST));
      const passes = Array.from({ length: 8 }, (_, n) => stores[n % 2]!.pass(aPass(node), claimAll));
      const taken = (await Promise.all(passes)).flatMap(({ claimed }) => claimed.map(({ id }) => id));
      expect(taken).toHaveLength(new Set(taken).size);
      const rest = await fixture.store.pass(aPass(node), claimAll);
      expect([...taken, ...rest.claimed.map(({ id }) => id)].sort()).toEqual(ids.sort());
    });

    it('count what is active after they have the lock: a job that runs alone never runs twice', async () => {
      const stores = await bothStores();
      const node = await registered(fixture.store);
      for (let round = 0; round < 15; round += 1) {
        const [job] = await added(fixture.store, aJob({ id: `job-${round}`, maxInstances: 1 }));
        const onlyWithRoom = ({ jobs }: PassSnapshot) => {
          const seenJobs = jobs.filter((each) => each.job.uid === job!.uid && each.isDue);
          return decisions({
            records: seenJobs.map((each) => recordFor(each.job, { status: each.active === 0 ? 'running' : 'skipped' })),
            advances: seenJobs.map((each) => advanceOf(each.job, { nextRunAt: plus(each.job.nextRunAt!, SECOND) })),
          });
        };
        await Promise.all([0, 1, 0, 1].map((n) => stores[n]!.pass(aPass(node), onlyWithRoom)));
        const { items } = await fixture.store.getExecutions({ jobId: job!.id, status: 'running' });
        expect(items).toHaveLength(1);
      }
    });

    it('rescue what a dead node ran once', async () => {
      const [store, another] = await bothStores();
      const { node, execution } = await running(store, {}, { leaseMs: 0 });
      await fixture.tick();
      const { nodes } = await store.beat(aNode().incarnation, SECOND);
      const { beat } = nodes.find(({ incarnation }) => incarnation === node.incarnation)!;
      const answers = await Promise.all([store.rescue(node.incarnation, beat), another.rescue(node.incarnation, beat)]);
      expect(answers.flat().map(({ executionId }) => executionId)).toEqual([execution.id]);
    });

    it('see each other’s writes', async () => {
      const [store, another] = await bothStores();
      const [job] = await added(store, aJob());
      expect(await another.getJob(job!.id)).toEqual(job);
    });
  });
}
