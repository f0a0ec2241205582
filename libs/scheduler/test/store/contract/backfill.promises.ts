import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { BackfillConflictError, JobNotFoundError } from '../../../src/store/errors.js';
import type { JobStore, NewBackfill } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, aPass, claimAll, decisions, FAR_FUTURE, HOUR, outcomeOf, PAST, plus, SECOND } from '../builders.js';
import {
  added,
  claimed,
  executionOf,
  expectNothingChanged,
  idsOf,
  registered,
  running,
  seen,
  statusOf,
  waiting,
  type Fixture,
} from './fixture.js';

const instants = (count: number, from = PAST): Date[] =>
  Array.from({ length: count }, (_, index) => plus(from, index * SECOND));
const ofInstants = (count: number, from?: Date, batchId: string = randomUUID()): NewBackfill => ({
  batchId,
  reason: null,
  plan: () => instants(count, from),
});

export function backfillPromises(fixture: Fixture): void {
  const notDue = (overrides = {}) => aJob({ nextRunAt: FAR_FUTURE, data: { to: 'ops' }, ...overrides });
  const executionsOf = async (store: JobStore) =>
    (await store.getExecutions({ limit: 100 })).items.map(({ execution }) => execution).reverse();

  describe('addBackfill', () => {
    it('submits one execution for each instant, due now, with the data of its job', async () => {
      const { store } = fixture;
      const [job] = await added(store, notDue({ priority: 3 }));
      let shown: { job: JobEntity; now: Date } | undefined;
      const batchId = randomUUID();
      const plan: NewBackfill['plan'] = (row, now) => {
        shown = { job: structuredClone(row), now };
        // what is done to the row stays outside
        Object.assign(row, { data: null, uid: randomUUID() });
        return instants(3);
      };
      expect(await store.addBackfill('report', { batchId, reason: 'asked for', plan })).toBe(3);
      expect(shown?.job).toEqual({ ...job });
      const rows = await executionsOf(store);
      const now = shown!.now;
      const common = {
        kind: 'backfill',
        status: 'pending',
        batchId,
        reason: 'asked for',
        isCatchUp: true,
        priority: 3,
      };
      expect(rows).toMatchObject(
        instants(3).map((scheduledAt) => ({
          ...common,
          scheduledAt,
          jobId: 'report',
          jobUid: job!.uid,
          data: { to: 'ops' },
          leaseEpoch: 0,
          instantCount: 1,
          availableAt: now,
        })),
      );
      expect(new Set(rows.map(({ id }) => id)).size).toBe(3);
    });

    it('submits instants that ran before, too', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.complete([outcomeOf(execution)]);
      expect(await store.addBackfill('report', ofInstants(1))).toBe(1);
      expect((await executionsOf(store)).map(({ kind }) => kind).sort()).toEqual(['backfill', 'schedule']);
    });

    it('of no instants writes nothing', async () => {
      await added(fixture.store, notDue());
      expect(await fixture.store.addBackfill('report', ofInstants(0))).toBe(0);
      expect(await executionsOf(fixture.store)).toEqual([]);
    });

    it('leaves the schedule of its job alone', async () => {
      const [job] = await added(fixture.store, notDue());
      await fixture.store.addBackfill('report', ofInstants(3));
      expect(await fixture.store.getJob('report')).toEqual(job);
    });

    it('of the same batch again submits nothing more, and says what there is', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, notDue());
      const backfill = ofInstants(2);
      await store.addBackfill('report', backfill);
      await claimed(store, node);
      expect(await store.addBackfill('report', { ...backfill, plan: () => expect.unreachable() })).toBe(2);
      expect(await executionsOf(store)).toHaveLength(2);
    });

    it('of one batch at once from two stores submits it once', async () => {
      const another = await fixture.another();
      await added(fixture.store, notDue());
      const backfill = ofInstants(20);
      const answers = await Promise.all([fixture.store, another].map((store) => store.addBackfill('report', backfill)));
      expect(answers).toEqual([20, 20]);
      expect(await executionsOf(fixture.store)).toHaveLength(20);
    });

    it('of a batch of another job rejects, and says whose it is', async () => {
      const { store } = fixture;
      await added(store, notDue(), aJob({ id: 'other', nextRunAt: FAR_FUTURE }));
      const backfill = ofInstants(2);
      await store.addBackfill('other', backfill);
      const call = store.addBackfill('report', backfill);
      await expect(call).rejects.toBeInstanceOf(BackfillConflictError);
      await expect(call).rejects.toThrow(`"${backfill.batchId}" belongs to job "other". Give each`);
      expect(await executionsOf(store)).toHaveLength(2);
    });

    it('rejects with what the plan says, and for a job that does not exist', async () => {
      const { store } = fixture;
      await added(store, notDue());
      const plan = (): never => {
        throw new RangeError('in the future');
      };
      await expectNothingChanged(store, () => store.addBackfill('report', { ...ofInstants(1), plan }));
      await expect(store.addBackfill('report', { ...ofInstants(1), plan })).rejects.toBeInstanceOf(RangeError);
      await expect(store.addBackfill('nowhere', ofInstants(1))).rejects.toBeInstanceOf(JobNotFoundError);
    });
  });

  describe('what a backfill submitted', () => {
    it('runs while its job is paused, for a person asked for it', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, notDue({ state: 'paused' }));
      await store.addBackfill('report', ofInstants(1));
      expect((await store.peek(node.capabilities, [])).nextAt).not.toBeNull();
      expect(await claimed(store, node)).toMatchObject([{ kind: 'backfill', status: 'running', attempt: 1 }]);
    });

    it('is shown after all else that waits, in the order of its instants, whenever it was submitted', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, notDue());
      await store.addBackfill('report', ofInstants(2, plus(PAST, HOUR)));
      await fixture.tick();
      await store.changeJob('report', () => ({ set: { priority: 5 } }));
      await store.addBackfill('report', ofInstants(1));
      await fixture.tick();
      await store.changeJob('report', () => ({ set: { priority: 0 } }));
      const scheduled = await waiting(store, job!, plus(PAST, 2 * HOUR));
      const byHand = await store.addManualExecution('report', { id: randomUUID(), data: null, reason: null });
      const [{ pending } = { pending: [] }] = (await seen(store, node)).jobs;
      expect(pending.map(({ id }) => id).slice(0, 2)).toEqual([scheduled, byHand.id]);
      expect(pending.map(({ kind }) => kind)).toEqual(['schedule', 'manual', 'backfill', 'backfill', 'backfill']);
      const shown = await Promise.all(pending.slice(2).map(({ id }) => executionOf(store, id)));
      expect(shown.map(({ scheduledAt }) => scheduledAt)).toEqual([PAST, ...instants(2, plus(PAST, HOUR))]);
      const few = (await seen(store, node, { limit: 3 })).jobs[0]!.pending;
      expect(few.map(({ kind }) => kind)).toEqual(['schedule', 'manual', 'backfill']);
    });

    it('is shown first where it goes on: it has its room', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, notDue());
      await store.addBackfill('report', ofInstants(2));
      const [first] = (await seen(store, node)).jobs[0]!.pending;
      const [run] = (await store.pass(aPass(node), () => decisions({ claims: [first!.id] }))).claimed;
      await store.complete([outcomeOf(run!, { status: 'pending' })]);
      await store.addManualExecution('report', { id: randomUUID(), data: null, reason: null });
      const [snapshot] = (await seen(store, node)).jobs;
      expect(snapshot).toMatchObject({ active: 1, queued: 1, queuedFires: 0 });
      expect(snapshot!.pending.map(({ kind }) => kind)).toEqual(['backfill', 'manual', 'backfill']);
      expect(snapshot!.pending[0]).toMatchObject({ id: first!.id, isReoffered: true });
    });

    it('hides nothing else that waits, however much it is', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [, other] = await added(store, notDue(), aJob({ id: 'other', nextRunAt: FAR_FUTURE }));
      await store.addBackfill('report', ofInstants(150));
      await fixture.tick();
      await waiting(store, other!, PAST);
      expect(idsOf(await seen(store, node, { limit: 1 }))).toEqual(['other']);
      expect(idsOf(await seen(store, node)).sort()).toEqual(['other', 'report']);
    });

    it('is not looked at while its job is blocked', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, notDue());
      await store.addBackfill('report', ofInstants(3));
      const { nextAt } = await store.peek(node.capabilities, [job!.uid]);
      expect(nextAt).toEqual(FAR_FUTURE);
      expect(await seen(store, node, { blocked: [job!.uid] })).toMatchObject({ jobs: [] });
      expect(await seen(store, node, { capabilities: ['mail@default'] })).toMatchObject({ jobs: [] });
    });

    it('waits for its next attempt as long as it is told', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, notDue({ retry: { maxAttempts: 2 } }));
      await store.addBackfill('report', ofInstants(1));
      const [run] = await claimed(store, node);
      await store.complete([outcomeOf(run!, { status: 'pending', delayMs: HOUR })]);
      const { now, nextAt } = await store.peek(node.capabilities, []);
      expect(nextAt!.getTime() - now.getTime()).toBeGreaterThan(HOUR / 2);
      expect(await seen(store, node)).toMatchObject({ jobs: [] });
    });

    it('of several jobs is found for each', async () => {
      const { store } = fixture;
      const node = await registered(store, { capabilities: ['reports.send@default', 'mail@default'] });
      const jobs = ['a', 'b', 'c'].map((id) => notDue({ id, ...(id === 'b' && { capability: 'mail@default' }) }));
      await added(store, ...jobs);
      for (const { id } of jobs) await store.addBackfill(id, ofInstants(2));
      expect(idsOf(await seen(store, node)).sort()).toEqual(['a', 'b', 'c']);
      const { claimed: rows } = await store.pass(aPass(node), claimAll);
      expect(rows).toHaveLength(6);
    });

    it('is cancelled with its job, and one by one', async () => {
      const { store } = fixture;
      await added(store, notDue());
      await store.addBackfill('report', ofInstants(2));
      const [first, second] = await executionsOf(store);
      await store.cancelExecution(first!.id, 'not this one');
      await store.removeJob('report');
      expect(await executionOf(store, first!.id)).toMatchObject({ status: 'cancelled', reason: 'not this one' });
      expect(await statusOf(store, second!.id)).toBe('cancelled');
    });
  });
}
