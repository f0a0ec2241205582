import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { JobExecutionEntity } from '../../../src/store/job-execution.entity.js';
import type { JobStore, NodeRegistration } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import {
  advanceOf,
  aJob,
  aPass,
  decisions,
  FAR_FUTURE,
  HOUR,
  outcomeOf,
  PAST,
  plus,
  recordFor,
  SECOND,
} from '../builders.js';
import { added, executionOf, registered, running, seen, statusOf, waiting, type Fixture } from './fixture.js';

/** Runs of one job, the oldest first, each begun at a later instant of the store's clock. */
async function runs(fixture: Fixture, node: NodeRegistration, job: JobEntity, count: number) {
  const begun: JobExecutionEntity[] = [];
  for (let index = 0; index < count; index += 1) {
    await fixture.tick();
    const record = recordFor(job, { scheduledAt: plus(PAST, (count - index) * SECOND) });
    begun.push(...(await fixture.store.pass(aPass(node), () => decisions({ records: [record] }))).recorded);
  }
  return begun as [JobExecutionEntity, JobExecutionEntity, JobExecutionEntity, ...JobExecutionEntity[]];
}

/** `stopping`: what the node hears of then. */
async function makingRoom(store: JobStore, node: NodeRegistration, job: JobEntity, active: number) {
  const cancels = [{ uid: job.uid, active, reason: 'a newer one' }];
  const result = await store.pass(aPass(node), () => decisions({ advances: [advanceOf(job, { runs: 0 })], cancels }));
  const { stopping } = await store.peek([], [], node.incarnation);
  return { ...result, stopping: stopping.map(({ executionId }) => executionId) };
}

/** What a pass does for a fire that takes the place of others. */
export function roomPromises(fixture: Fixture): void {
  describe('a pass makes room', () => {
    it('and asks the oldest of what runs to stop, and no more than are needed', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, aJob({ maxInstances: 3 }));
      const [oldest, second, youngest] = await runs(fixture, node, job!, 3);
      const { now, stopping, cancelled } = await makingRoom(store, node, job!, 1);
      expect({ stopping, cancelled }).toEqual({ stopping: [oldest.id], cancelled: [] });
      expect(await executionOf(store, oldest.id)).toMatchObject({
        status: 'running',
        cancelRequestedAt: now,
        finishedAt: null,
        reason: 'a newer one',
      });
      expect(await executionOf(store, second.id)).toEqual(second);
      expect(await executionOf(store, youngest.id)).toEqual(youngest);
      expect([...(await makingRoom(store, node, job!, 1)).stopping].sort()).toEqual([oldest.id, second.id].sort());
    });

    it('and shows what was asked already', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, aJob({ maxInstances: 3 }));
      await runs(fixture, node, job!, 3);
      await makingRoom(store, node, job!, 2);
      await store.changeJob(job!.id, () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
      expect((await seen(store, node)).jobs).toMatchObject([{ active: 3, stopping: 2 }]);
    });

    it('and cancels what its schedule made and nobody has claimed, not what a person asked for', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store, { nextRunAt: PAST });
      const fire = await waiting(store, job, plus(PAST, SECOND));
      const byHand = await store.addManualExecution(job.id, { id: randomUUID(), data: null, reason: null });
      await store.addBackfill(job.id, { batchId: randomUUID(), reason: null, plan: () => [PAST] });
      expect((await seen(store, node)).jobs).toMatchObject([{ queued: 2, queuedFires: 1 }]);
      const { now, stopping, cancelled } = await makingRoom(store, node, job, 0);
      expect(stopping).toEqual([]);
      expect(cancelled).toEqual([await executionOf(store, fire)]);
      expect(cancelled).toMatchObject([{ status: 'cancelled', finishedAt: now, reason: 'a newer one' }]);
      expect(await statusOf(store, byHand.id)).toBe('pending');
      expect(await executionOf(store, execution.id)).toEqual(execution);
      expect((await store.getExecutions({ status: 'pending' })).items).toHaveLength(2);
    });

    it('and cancels at once what waits to go on', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending', delayMs: HOUR })]);
      const { stopping, cancelled } = await makingRoom(store, node, job, 1);
      expect(stopping).toEqual([]);
      expect(cancelled).toMatchObject([{ id: execution.id, status: 'cancelled', leaseEpoch: 1, owner: null }]);
    });

    it('before it claims: what is cancelled does not start', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
      const fire = await waiting(store, job!, PAST);
      const cancels = [{ uid: job!.uid, active: 0, reason: 'a newer one' }];
      const record = recordFor(job!, { scheduledAt: plus(PAST, SECOND) });
      const { claimed, recorded } = await store.pass(aPass(node), () =>
        decisions({ records: [record], claims: [fire], cancels }),
      );
      expect(claimed).toEqual([]);
      expect(recorded).toMatchObject([{ id: record.id, status: 'running', cancelRequestedAt: null }]);
      expect(await statusOf(store, fire)).toBe('cancelled');
    });

    it('among the executions of that job only', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store, { id: 'other' });
      const [job] = await added(store, aJob());
      await runs(fixture, node, job!, 1);
      await makingRoom(store, node, job!, 5);
      expect(await executionOf(store, execution.id)).toEqual(execution);
    });
  });

  describe('a node hears what shall stop', () => {
    it('with its next look, only of what it runs itself', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      const other = await running(store, { id: 'other' });
      const stopping = async (incarnation?: string) => (await store.peek([], [], incarnation)).stopping;
      expect(await stopping(node.incarnation)).toEqual([]);
      await store.cancelExecution(execution.id, 'not needed');
      expect(await stopping(node.incarnation)).toEqual([{ executionId: execution.id, reason: 'not needed' }]);
      expect(await stopping(other.node.incarnation)).toEqual([]);
      expect(await stopping()).toEqual([]);
      await store.complete([outcomeOf(execution, { status: 'cancelled' })]);
      expect(await stopping(node.incarnation)).toEqual([]);
    });

    it.each<[string, (store: JobStore, run: Awaited<ReturnType<typeof running>>) => Promise<unknown>]>([
      ['a person', (store, { execution }) => store.cancelExecution(execution.id, null)],
      ['a newer fire', async (store, { job }) => await makingRoom(store, await registered(store), job, 1)],
    ])('and is told when %s says so elsewhere', async (_who, ask) => {
      const another = await fixture.another();
      const run = await running(fixture.store);
      let wakes = 0;
      let heard = (): void => {};
      const stop = new AbortController();
      const listening = fixture.store.listen(() => {
        wakes += 1;
        heard();
      }, stop.signal);
      await new Promise<void>((resolve) => (wakes > 0 ? resolve() : (heard = resolve)));
      const isHeard = new Promise<void>((resolve) => (heard = resolve));
      await ask(another, run);
      await isHeard;
      stop.abort();
      await listening;
    });
  });

  it('a job counts what was decided about it', async () => {
    const { store } = fixture;
    const { node, job } = await running(store, { maxInstances: 2 });
    await waiting(store, job, plus(PAST, SECOND));
    const counts = { runs: 2, missed: 1_001, skipped: 3, queued: 1 };
    const pass = async (cancels: Parameters<typeof decisions>[0]) =>
      await store.pass(aPass(node), () => decisions({ ...cancels, advances: [advanceOf(job, counts)] }));
    await pass({ cancels: [{ uid: job.uid, active: 1, reason: 'a newer one' }] });
    await pass({});
    const counted = { runCount: 5, missedCount: 2_002, skippedCount: 6, queuedCount: 2, cancelledCount: 2 };
    expect(await store.getJob(job.id)).toMatchObject(counted);
    await store.addJobs(() => [aJob({ priority: 4 })], 'replace');
    const { runCount: _, ...others } = counted;
    expect(await store.getJob(job.id)).toMatchObject({ ...others, priority: 4 });
  });
}
