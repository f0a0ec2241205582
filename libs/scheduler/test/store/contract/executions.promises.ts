import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { ExecutionConflictError, ExecutionNotFoundError, JobNotFoundError } from '../../../src/store/errors.js';
import { aJob, FAR_FUTURE, HOUR, outcomeOf } from '../builders.js';
import { added, claimed, executionOf, registered, running, seen, statusOf, waiting, type Fixture } from './fixture.js';

export function executionPromises(fixture: Fixture): void {
  const notDue = () => aJob({ nextRunAt: FAR_FUTURE, data: { to: 'ops' } });
  const byHand = (overrides = {}) => ({ id: randomUUID(), data: null, reason: null, ...overrides });

  describe('addManualExecution', () => {
    it('waits, is due now, and has the data of its job', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, notDue());
      const before = (await store.peek([], [])).now;
      const row = await store.addManualExecution('report', byHand({ reason: 'asked for' }));
      expect(row).toMatchObject({ jobId: 'report', jobUid: job!.uid, kind: 'manual', status: 'pending', attempt: 0 });
      expect(row).toMatchObject({ data: { to: 'ops' }, reason: 'asked for', leaseEpoch: 0, instantCount: 1 });
      expect(row.scheduledAt.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(row.availableAt.getTime()).toBeLessThanOrEqual((await store.peek([], [])).now.getTime());
      expect(await executionOf(store, row.id)).toEqual(row);
      expect(await claimed(store, node)).toMatchObject([{ id: row.id }]);
    });

    it.each([{ to: 'me' }, null, 0])('takes %j as data of its own', async (value) => {
      await added(fixture.store, notDue());
      const row = await fixture.store.addManualExecution('report', byHand({ data: { value } }));
      expect(row.data).toEqual(value);
      expect((await executionOf(fixture.store, row.id)).data).toEqual(value);
    });

    it('with the same id again gives the same row, whatever has become of it', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, notDue());
      const execution = byHand();
      const row = await store.addManualExecution('report', execution);
      expect(await store.addManualExecution('report', execution)).toEqual(row);
      const [taken] = await claimed(store, node);
      expect(await store.addManualExecution('report', execution)).toEqual(taken);
      expect((await store.getExecutions({})).items).toHaveLength(1);
    });

    it('at once from two stores with one id makes one row', async () => {
      const another = await fixture.another();
      await added(fixture.store, notDue());
      const execution = byHand();
      const rows = await Promise.all(
        [fixture.store, another].map((store) => store.addManualExecution('report', execution)),
      );
      expect(rows[1]).toEqual(rows[0]);
    });

    it('leaves the schedule of its job alone', async () => {
      const [job] = await added(fixture.store, notDue());
      await fixture.store.addManualExecution('report', byHand());
      expect(await fixture.store.getJob('report')).toEqual(job);
    });

    it('rejects with the id of an execution of another job, or of one that was not asked for by hand', async () => {
      const { store } = fixture;
      const { execution } = await running(store, { id: 'other' });
      await added(store, notDue());
      const ofOther = await store.addManualExecution('other', byHand());
      for (const [jobId, id] of [
        ['report', ofOther.id],
        ['other', execution.id],
      ] as const) {
        const error: unknown = await store.addManualExecution(jobId, byHand({ id })).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ExecutionConflictError);
        expect(error).toMatchObject({ message: expect.stringContaining(`"${id}" belongs to job "other". Give each`) });
      }
    });

    it('rejects for a job that does not exist', async () => {
      const call = fixture.store.addManualExecution('nowhere', byHand());
      await expect(call).rejects.toBeInstanceOf(JobNotFoundError);
    });
  });

  describe('cancelExecution', () => {
    it('ends at once what waits, and it is not offered any more', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, notDue());
      const id = await waiting(store, job!);
      const row = await store.cancelExecution(id, 'not needed');
      expect(row).toMatchObject({ status: 'cancelled', reason: 'not needed', finishedAt: expect.any(Date) });
      expect(await executionOf(store, id)).toEqual(row);
      expect(await seen(store, node)).toMatchObject({ jobs: [] });
    });

    it('ends at once what waits for its next attempt', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending', delayMs: HOUR })]);
      expect(await store.cancelExecution(execution.id, null)).toMatchObject({ status: 'cancelled', owner: null });
      expect(await claimed(store, node)).toEqual([]);
    });

    it('asks the node of what runs to stop, and keeps the first request', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      const row = await store.cancelExecution(execution.id, 'not needed');
      expect(row).toMatchObject({ status: 'running', cancelRequestedAt: expect.any(Date), finishedAt: null });
      await fixture.tick();
      expect(await store.cancelExecution(execution.id, 'really')).toEqual(row);
    });

    it('keeps the reason it was given when the node has stopped', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.cancelExecution(execution.id, 'not needed');
      await store.complete([outcomeOf(execution, { status: 'cancelled' })]);
      expect(await executionOf(store, execution.id)).toMatchObject({ status: 'cancelled', reason: 'not needed' });
    });

    it('changes nothing about what is over', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.complete([outcomeOf(execution)]);
      const before = await executionOf(store, execution.id);
      expect(await store.cancelExecution(execution.id, 'too late')).toEqual(before);
      expect(await statusOf(store, execution.id)).toBe('succeeded');
    });

    it('rejects for an execution that does not exist', async () => {
      const call = fixture.store.cancelExecution(randomUUID(), null);
      await expect(call).rejects.toBeInstanceOf(ExecutionNotFoundError);
    });
  });
}
