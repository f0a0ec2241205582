import { describe, expect, it } from 'vitest';

import type { DeclaredJob, NodeRegistration } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, aPass, changed, decideAll, decisions, FAR_FUTURE, HOUR, PAST, plus, recordFor } from '../builders.js';
import { added, expectNothingChanged, registered, type Fixture } from './fixture.js';

const declared = (hash = 'h1', id = 'report'): DeclaredJob => ({
  id,
  hash,
  definition: { cron: '0 30 7 * * *', hash },
});

/** The code's row for a declared job: made new, or its schedule replaced; null when the version is in the row already. */
function byHash(input: { declared: DeclaredJob; existing: JobEntity | null }): JobEntity | null {
  const { declared: job, existing } = input;
  if (existing?.codeHash === job.hash) return null;
  const codeHash = job.hash;
  if (!existing) return aJob({ id: job.id, source: 'code', codeHash, nextRunAt: FAR_FUTURE });
  return changed(existing, { codeHash, version: existing.version + 1, schedule: `as in ${codeHash}` });
}

export function declaredJobPromises(fixture: Fixture): void {
  const nodeWith = (hash: string, overrides: Partial<NodeRegistration> = {}) =>
    registered(fixture.store, { definitions: { report: hash }, ...overrides });
  /** The version that is in force when that node brings its own. */
  const inForceFor = async (node: NodeRegistration) => {
    let inForce = '';
    await fixture.store.syncJobs([declared(node.definitions['report'])], (input) => {
      inForce = input.inForce;
      return byHash(input);
    });
    return inForce;
  };

  describe('declared jobs', () => {
    it('come into the table as their code says', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      const before = (await store.peek([], [])).now;
      const rows = await store.syncJobs([declared()], (input) => {
        expect(input).toMatchObject({ declared: declared(), inForce: 'h1', existing: null });
        expect(input.now.getTime()).toBeGreaterThanOrEqual(before.getTime());
        return byHash(input);
      });
      expect(rows).toMatchObject([{ id: 'report', source: 'code', codeHash: 'h1', version: 1 }]);
      expect(await store.getJob('report')).toEqual(rows[0]);
    });

    it('that are unchanged are not touched: the next run, the count and a pause stay', async () => {
      const { store } = fixture;
      const node = await nodeWith('h1');
      await store.syncJobs([declared()], byHash);
      await store.changeJob('report', () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
      await store.pass(aPass(node), decideAll);
      await store.changeJob('report', () => ({ set: { state: 'paused', stateReason: 'by hand' } }));
      const before = await store.getJob('report');
      const rows = await store.syncJobs([declared()], (input) => {
        expect(input.existing).toEqual(before);
        return byHash(input);
      });
      expect(rows).toEqual([before]);
      expect(await store.getJob('report')).toEqual(before);
    });

    it('that changed keep their identity and their last instant, and count the edit', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      await store.syncJobs([declared('h1')], byHash);
      const before = (await store.changeJob('report', () => ({ set: { lastInstant: plus(PAST, HOUR) } })))!;
      const rows = await store.syncJobs([declared('h2')], (input) =>
        changed(byHash(input)!, { uid: aJob().uid, lastInstant: null }),
      );
      expect(rows).toMatchObject([{ codeHash: 'h2', schedule: 'as in h2', version: before.version + 1 }]);
      expect(rows).toMatchObject([{ uid: before.uid, lastInstant: plus(PAST, HOUR), createdAt: before.createdAt }]);
    });

    it('that another node does not have stay as they are', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      await store.syncJobs([declared('h1'), declared('h1', 'cleanup')], byHash);
      const before = await store.getJob('cleanup');
      await registered(store);
      expect(await store.syncJobs([], byHash)).toEqual([]);
      await store.syncJobs([declared('h1')], byHash);
      expect(await store.getJob('cleanup')).toEqual(before);
    });

    it('come back in the order given, without those that have no row', async () => {
      await nodeWith('h1');
      const all = ['b', 'nowhere', 'a'].map((id) => declared('h1', id));
      const rows = await fixture.store.syncJobs(all, (input) =>
        input.declared.id === 'nowhere' ? null : byHash(input),
      );
      expect(rows.map(({ id }) => id)).toEqual(['b', 'a']);
    });

    it('change nothing at all when reconciling one of them throws', async () => {
      await nodeWith('h1');
      await expectNothingChanged(fixture.store, () =>
        fixture.store.syncJobs([declared('h1', 'good'), declared('h1', 'bad')], (input) => {
          if (input.declared.id === 'bad') throw new Error('cannot');
          return byHash(input);
        }),
      );
    });

    it('synced by several replicas at once become one row each', async () => {
      const another = await fixture.another();
      await nodeWith('h1');
      const sync = (store: typeof another) => store.syncJobs([declared('h1', 'a'), declared('h1', 'b')], byHash);
      const answers = await Promise.all([sync(fixture.store), sync(another), sync(fixture.store)]);
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
      expect((await fixture.store.getJobs({})).items).toHaveLength(2);
    });
  });

  describe('the version in force', () => {
    it('is the newest first seen among live nodes: an old replica that restarts does not bring its own back', async () => {
      const old = await nodeWith('old');
      expect(await inForceFor(old)).toBe('old');
      await fixture.tick();
      expect(await inForceFor(await nodeWith('new'))).toBe('new');
      await fixture.store.retireNode(old.incarnation);
      await fixture.tick();
      expect(await inForceFor(await nodeWith('old'))).toBe('new');
    });

    it('is the old one again when the last node with the new one is gone: a rollback converges', async () => {
      const old = await nodeWith('old');
      await inForceFor(old);
      await fixture.tick();
      const fresh = await nodeWith('new');
      await inForceFor(fresh);
      await fixture.store.retireNode(fresh.incarnation);
      expect(await inForceFor(old)).toBe('old');
    });

    it('does not heed a node whose lease is over', async () => {
      const old = await nodeWith('old');
      await inForceFor(old);
      await fixture.tick();
      const fresh = await nodeWith('new', { leaseMs: 0 });
      await fixture.tick();
      expect(await inForceFor(fresh)).toBe('new');
      expect(await inForceFor(old)).toBe('old');
    });

    it('is counted for each job by itself', async () => {
      const { store } = fixture;
      await registered(store, { definitions: { report: 'h1', cleanup: 'h9' } });
      const seen: Record<string, string> = {};
      await store.syncJobs([declared('h1'), declared('h9', 'cleanup')], (input) => {
        seen[input.declared.id] = input.inForce;
        return byHash(input);
      });
      expect(seen).toEqual({ report: 'h1', cleanup: 'h9' });
    });
  });

  it('a job that was removed and made again has instants of its own', async () => {
    const { store } = fixture;
    const node = await registered(store);
    const fire = () => store.pass(aPass(node), ({ jobs }) => decisions({ records: [recordFor(jobs[0]!.job)] }));
    const [first] = await added(store, aJob());
    expect((await fire()).recorded).toHaveLength(1);
    await store.removeJob('report');
    const [second] = await added(store, aJob());
    expect(second!.uid).not.toBe(first!.uid);
    expect((await fire()).recorded).toMatchObject([{ jobUid: second!.uid, scheduledAt: PAST }]);
    expect((await store.getExecutions({ jobId: 'report' })).items).toHaveLength(2);
  });
}
