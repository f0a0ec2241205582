import { describe, expect, it } from 'vitest';

import {
  aJob,
  aNode,
  aPass,
  CAPABILITY,
  claimAll,
  decisions,
  FAR_FUTURE,
  HOUR,
  outcomeOf,
  PAST,
  plus,
  recordFor,
  SECOND,
} from '../builders.js';
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

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

export function pendingPromises(fixture: Fixture): void {
  const notDue = (overrides = {}) => aJob({ nextRunAt: FAR_FUTURE, ...overrides });

  describe('what waits', () => {
    it('is offered to a node that can run it, though its job is not due', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue());
      const id = await waiting(fixture.store, job!, PAST);
      const { jobs } = await seen(fixture.store, node);
      expect(jobs).toMatchObject([{ isDue: false, active: 0, queued: 1, pending: [{ id, isReoffered: false }] }]);
      expect(await seen(fixture.store, aNode({ capabilities: ['mail@default'] }))).toMatchObject({ jobs: [] });
    });

    it('is offered beside the fire of a job that is due', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob());
      const id = await waiting(fixture.store, job!, plus(PAST, -SECOND));
      expect(await seen(fixture.store, node)).toMatchObject({ jobs: [{ isDue: true, pending: [{ id }] }] });
    });

    it('is offered though more jobs are due than the limit', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue(), aJob({ id: 'due-1' }), aJob({ id: 'due-2' }));
      await waiting(fixture.store, job!, PAST);
      expect(idsOf(await seen(fixture.store, node, { limit: 1 }))).toContain(job!.id);
    });

    it('is offered first where it waits longest, however much waits of another capability', async () => {
      const node = await registered(fixture.store, { capabilities: ['mail@default', CAPABILITY] });
      const mails = NUMBERS.map((n) => notDue({ id: `mail-${n}`, capability: 'mail@default' }));
      const [report] = await added(fixture.store, notDue());
      await waiting(fixture.store, report!, PAST);
      await fixture.tick();
      for (const mail of await added(fixture.store, ...mails)) await waiting(fixture.store, mail, PAST);
      expect(idsOf(await seen(fixture.store, node, { limit: 1 }))).toEqual(['report']);
    });

    it('is not offered while its job is blocked', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue());
      await waiting(fixture.store, job!, PAST);
      expect(await seen(fixture.store, node, { blocked: [job!.uid] })).toMatchObject({ jobs: [] });
    });

    it('is offered after its job has finished', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob({ state: 'finished', nextRunAt: null }));
      const id = await waiting(fixture.store, job!, PAST);
      expect(await claimed(fixture.store, node)).toMatchObject([{ id }]);
    });

    it.each(['paused', 'quarantined'] as const)(
      'by schedule stays while its job is %s; by hand it runs',
      async (state) => {
        const node = await registered(fixture.store);
        const [job] = await added(fixture.store, aJob({ state }));
        const scheduled = await waiting(fixture.store, job!);
        const byHand = await fixture.store.addManualExecution(job!.id, {
          id: aNode().incarnation,
          data: null,
          reason: null,
        });
        expect(await claimed(fixture.store, node)).toMatchObject([{ id: byHand.id }]);
        expect(await statusOf(fixture.store, scheduled)).toBe('pending');
        await fixture.store.changeJob(job!.id, () => ({ set: { state: 'active', nextRunAt: null, wakeAt: null } }));
        expect(await claimed(fixture.store, node)).toMatchObject([{ id: scheduled }]);
      },
    );

    it('is shown by priority, then by age, and not more than the limit of it', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue({ maxInstances: 9 }));
      const first = await waiting(fixture.store, job!, PAST);
      await fixture.tick();
      const second = await waiting(fixture.store, job!, plus(PAST, SECOND));
      await fixture.tick();
      await fixture.store.changeJob(job!.id, () => ({ set: { priority: 5 } }));
      const urgent = await waiting(fixture.store, job!, plus(PAST, 2 * SECOND));
      const shown = async (limit: number) =>
        (await seen(fixture.store, node, { limit })).jobs[0]!.pending.map(({ id }) => id);
      expect(await shown(100)).toEqual([urgent, first, second]);
      expect(await shown(2)).toEqual([urgent, first]);
    });
  });

  describe('a claim', () => {
    it('makes the execution this node’s, under the next epoch', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue());
      const id = await waiting(fixture.store, job!, PAST);
      const { now, claimed: rows } = await fixture.store.pass(aPass(node), claimAll);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ id, status: 'running', owner: node.incarnation, nodeName: node.nodeName });
      expect(rows[0]).toMatchObject({ attempt: 1, leaseEpoch: 1, startedAt: now, claimedAt: now });
      expect(await executionOf(fixture.store, id)).toEqual(rows[0]);
    });

    it('of a run that is offered again keeps its first start and takes a new epoch', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending' })]);
      await fixture.tick();
      const { now, claimed: rows } = await store.pass(aPass(node), claimAll);
      expect(rows).toMatchObject([{ id: execution.id, attempt: 2, leaseEpoch: 2, claimedAt: now }]);
      expect(rows[0]!.startedAt).toEqual(execution.startedAt);
    });

    it('takes nothing that is not pending any more', async () => {
      const { store } = fixture;
      const other = await running(store, { id: 'other' });
      const node = await registered(store);
      const [job] = await added(store, notDue());
      const cancelled = await waiting(store, job!, PAST);
      await store.cancelExecution(cancelled, null);
      const claims = [other.execution.id, cancelled, aNode().incarnation];
      expect((await store.pass(aPass(node), () => decisions({ claims }))).claimed).toEqual([]);
      expect(await executionOf(store, other.execution.id)).toEqual(other.execution);
    });

    it('fails whole for a node that has no row', async () => {
      const [job] = await added(fixture.store, notDue());
      await waiting(fixture.store, job!, PAST);
      await expectNothingChanged(fixture.store, () => fixture.store.pass(aPass(aNode()), claimAll));
    });
  });

  describe('what counts as active', () => {
    it('is what runs and what is offered again; what waits for its first claim is queued', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store, { maxInstances: 9 });
      await waiting(store, job, plus(PAST, SECOND));
      const [second] = await claimed(store, node);
      await store.complete([outcomeOf(second!, { status: 'pending' })]);
      const third = await waiting(store, job, plus(PAST, 2 * SECOND));
      const [snapshot] = (await seen(store, node)).jobs;
      expect(snapshot).toMatchObject({ active: 2, queued: 1 });
      expect(new Map(snapshot!.pending.map(({ id, isReoffered }) => [id, isReoffered]))).toEqual(
        new Map([
          [second!.id, true],
          [third, false],
        ]),
      );
      await store.complete([outcomeOf(execution)]);
      expect((await seen(store, node)).jobs[0]).toMatchObject({ active: 1, queued: 1 });
    });

    it('includes a retry whose delay is not over, which is not offered yet', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending', delayMs: HOUR })]);
      await store.changeJob(job.id, () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
      expect((await seen(store, node)).jobs).toMatchObject([{ isDue: true, active: 1, queued: 0, pending: [] }]);
    });

    it('leaves a backfill out of the queue: it must not hold back the schedule', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, notDue());
      const record = recordFor(job!, { kind: 'backfill', status: 'pending', scheduledAt: PAST });
      await fixture.store.changeJob(job!.id, () => ({ set: {}, records: [record] }));
      const [snapshot] = (await seen(fixture.store, node)).jobs;
      expect(snapshot).toMatchObject({ active: 0, queued: 0, pending: [{ id: record.id }] });
    });
  });

  it('a pass asks what runs of a job to stop, and what runs of others goes on', async () => {
    const { store } = fixture;
    const { node, job, execution } = await running(store, { id: 'replaced' });
    await added(store, aJob({ id: 'other' }));
    const other = (await store.pass(aPass(node), ({ jobs }) => decisions({ records: [recordFor(jobs[0]!.job)] })))
      .recorded[0]!;
    const { now } = await store.pass(aPass(node), () =>
      decisions({ cancels: [{ uid: job.uid, active: 1, reason: 'newer' }] }),
    );
    const { mine } = await store.beat(node.incarnation, 60 * SECOND);
    expect(mine).toHaveLength(2);
    expect(mine).toContainEqual({
      executionId: execution.id,
      leaseEpoch: 1,
      cancelRequested: true,
      cancelReason: 'newer',
    });
    expect(mine).toContainEqual({ executionId: other.id, leaseEpoch: 1, cancelRequested: false, cancelReason: null });
    expect(await executionOf(store, execution.id)).toMatchObject({ status: 'running', cancelRequestedAt: now });
  });
}
