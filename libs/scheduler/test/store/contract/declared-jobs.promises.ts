import { describe, expect, it } from 'vitest';

import type { DeclaredJob, JobSync, NodeRegistration, SyncInput } from '../../../src/store/job-store.js';
import { aJob, aPass, changed, decideAll, decisions, FAR_FUTURE, HOUR, PAST, plus, recordFor } from '../builders.js';
import { added, executionOf, expectNothingChanged, registered, type Fixture } from './fixture.js';

const declared = (hash = 'h1', id = 'report'): DeclaredJob => ({
  id,
  hash,
  definition: { cron: '0 30 7 * * *', hash },
});

/** The code's row for a declared job: made new, or its schedule replaced. */
function byHash({ declared: job, existing }: Pick<SyncInput, 'declared' | 'existing'>): JobSync {
  const codeHash = job.hash;
  if (!existing) return { row: aJob({ id: job.id, source: 'code', codeHash, nextRunAt: FAR_FUTURE }) };
  return { row: changed(existing, { codeHash, version: existing.version + 1, schedule: `as in ${codeHash}` }) };
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
      const { jobs } = await store.syncJobs([declared()], (input) => {
        expect(input).toMatchObject({ declared: declared(), inForce: 'h1', existing: null });
        expect(input.now.getTime()).toBeGreaterThanOrEqual(before.getTime());
        return byHash(input);
      });
      expect(jobs).toMatchObject([{ id: 'report', source: 'code', codeHash: 'h1', version: 1 }]);
      expect(await store.getJob('report')).toEqual(jobs[0]);
    });

    it('are shown with what their version says, also that of before when another one comes', async () => {
      const { store } = fixture;
      await store.syncJobs([declared('h1')], byHash);
      const shown: unknown[] = [];
      const look = (id: string): Promise<unknown> =>
        store.changeJob(id, (_job, _now, definition) => {
          shown.push(definition);
          return null;
        });
      await look('report');
      await store.syncJobs([declared('h2')], (input) => {
        shown.push(input.former);
        return byHash(input);
      });
      await look('report');
      expect(shown).toEqual([declared('h1').definition, declared('h1').definition, declared('h2').definition]);
      await added(store, aJob({ id: 'dynamic' }));
      await look('dynamic');
      expect(shown.at(-1)).toBeNull();
    });

    it('that are unchanged are not touched: the next run, the count and a pause stay', async () => {
      const { store } = fixture;
      const node = await nodeWith('h1');
      await store.syncJobs([declared()], byHash);
      await store.changeJob('report', () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
      await store.pass(aPass(node), decideAll);
      await store.changeJob('report', () => ({ set: { state: 'paused', stateReason: 'by hand' } }));
      const before = await store.getJob('report');
      const { jobs, recorded } = await store.syncJobs([declared()], () => {
        throw new Error('Nobody is to be asked about a job that has not changed.');
      });
      expect({ jobs, recorded }).toEqual({ jobs: [before], recorded: [] });
      expect(await store.getJob('report')).toEqual(before);
    });

    it('that changed keep their identity and their last instant, and count the edit', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      await store.syncJobs([declared('h1')], byHash);
      const before = (await store.changeJob('report', () => ({ set: { lastInstant: plus(PAST, HOUR) } })))!;
      const { jobs } = await store.syncJobs([declared('h2')], (input) => {
        expect(input.existing).toEqual(before);
        return { row: changed(byHash(input).row, { uid: aJob().uid, lastInstant: null }) };
      });
      expect(jobs).toMatchObject([{ codeHash: 'h2', schedule: 'as in h2', version: before.version + 1 }]);
      expect(jobs).toMatchObject([{ uid: before.uid, lastInstant: plus(PAST, HOUR), createdAt: before.createdAt }]);
    });

    it('that the code has nothing to say about stay as they are', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      const { jobs } = await store.syncJobs([declared('h1')], byHash);
      const answer = await store.syncJobs([declared('h2')], () => null);
      expect(answer).toEqual({ jobs, recorded: [] });
    });

    it('leave a record of what their old schedule will not run, an instant that is recorded already left out', async () => {
      const { store } = fixture;
      const node = await nodeWith('h1');
      await store.syncJobs([declared('h1')], byHash);
      const ran = await store.changeJob('report', () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
      await store.pass(aPass(node), decideAll);
      const records = [PAST, plus(PAST, HOUR)].map((scheduledAt) =>
        recordFor(ran, { status: 'missed', reason: 'changed', scheduledAt }),
      );
      const { recorded } = await store.syncJobs([declared('h2')], (input) => ({ ...byHash(input), records }));
      expect(recorded).toMatchObject([{ id: records[1]!.id, jobUid: ran.uid, status: 'missed', reason: 'changed' }]);
      expect(recorded).toMatchObject([{ scheduledAt: plus(PAST, HOUR), finishedAt: expect.any(Date) }]);
      expect(await executionOf(store, records[1]!.id)).toEqual(recorded[0]);
      expect((await store.getExecutions({ jobId: 'report' })).items).toHaveLength(2);
    });

    it('that another node does not have stay as they are', async () => {
      const { store } = fixture;
      await nodeWith('h1');
      await store.syncJobs([declared('h1'), declared('h1', 'cleanup')], byHash);
      const before = await store.getJob('cleanup');
      await registered(store);
      expect(await store.syncJobs([], byHash)).toEqual({ jobs: [], recorded: [] });
      await store.syncJobs([declared('h2')], byHash);
      expect(await store.getJob('cleanup')).toEqual(before);
    });

    it('come back in the order given, without those that have no row', async () => {
      await nodeWith('h1');
      const all = ['b', 'nowhere', 'a'].map((id) => declared('h1', id));
      const { jobs } = await fixture.store.syncJobs(all, (input) =>
        input.declared.id === 'nowhere' ? null : byHash(input),
      );
      expect(jobs.map(({ id }) => id)).toEqual(['b', 'a']);
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

  describe('declared jobs that have left', () => {
    const leftIds = async () => (await fixture.store.undeclaredJobs()).map(({ id }) => id);
    const bringIn = (...ids: string[]) =>
      fixture.store.syncJobs(
        ids.map((id) => declared('h1', id)),
        byHash,
      );

    it('are those that no live node declares', async () => {
      const { store } = fixture;
      const old = await registered(store, { definitions: { report: 'h1', cleanup: 'h1' } });
      await bringIn('report', 'cleanup');
      expect(await leftIds()).toEqual([]);
      await registered(store, { definitions: { report: 'h2' } });
      expect(await leftIds()).toEqual([]);
      await store.retireNode(old.incarnation);
      expect(await leftIds()).toEqual(['cleanup']);
      expect((await store.undeclaredJobs())[0]).toEqual(await store.getJob('cleanup'));
    });

    it('are not those of a node whose lease is over, and no longer those that are finished or labelled orphaned', async () => {
      const { store } = fixture;
      await registered(store, { definitions: { a: 'h1', b: 'h1', c: 'h1' }, leaseMs: 0 });
      await bringIn('a', 'b', 'c');
      await fixture.tick();
      expect(await leftIds()).toEqual(['a', 'b', 'c']);
      await store.changeJob('a', () => ({ set: { state: 'finished' } }));
      await store.changeJob('b', () => ({ set: { orphanedAt: PAST } }));
      expect(await leftIds()).toEqual(['c']);
    });

    it('are none of those that were added at run time', async () => {
      await added(fixture.store, aJob({ id: 'dynamic' }), aJob({ id: 'taken' }));
      await fixture.store.syncJobs([declared('h1', 'taken')], () => null);
      expect(await leftIds()).toEqual([]);
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
