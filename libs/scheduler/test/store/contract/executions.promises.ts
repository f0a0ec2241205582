import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { ExecutionConflictError, ExecutionNotFoundError, JobNotFoundError } from '../../../src/store/errors.js';
import type { NewRetry } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, FAR_FUTURE, HOUR, outcomeOf } from '../builders.js';
import { added, claimed, executionOf, expectNothingChanged, registered, running, seen } from './fixture.js';
import { statusOf, waiting, type Fixture } from './fixture.js';

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

  describe('retryExecution', () => {
    const AGAIN = new Date('2020-01-02T00:00:00.000Z');
    const retryWith = (overrides: Partial<NewRetry> = {}): NewRetry => {
      return { id: randomUUID(), reason: null, plan: () => ({ scheduledAt: AGAIN, isCatchUp: true }), ...overrides };
    };
    const failed = async (job: Partial<JobEntity> = {}) => {
      const run = await running(fixture.store, { data: { to: 'ops' }, ...job });
      await fixture.store.complete([outcomeOf(run.execution, { status: 'failed' })]);
      return run;
    };

    it('is another execution of the job, due now, with the data of the first and the settings of today', async () => {
      const { store } = fixture;
      const { node, job, execution } = await failed();
      const before = await executionOf(store, execution.id);
      await store.changeJob(job.id, () => ({ set: { data: null, priority: 7, retry: { maxAttempts: 4 } } }));
      const row = await store.retryExecution(execution.id, retryWith({ reason: 'mended' }));
      expect(row).toMatchObject({ jobUid: job.uid, kind: 'manual', status: 'pending', retryOf: execution.id });
      expect(row).toMatchObject({ scheduledAt: AGAIN, isCatchUp: true, untilAt: null, instantCount: 1, attempt: 0 });
      expect(row).toMatchObject({ data: { to: 'ops' }, priority: 7, maxAttempts: 4, reason: 'mended', leaseEpoch: 0 });
      expect(await executionOf(store, row.id)).toEqual(row);
      expect(await executionOf(store, execution.id)).toEqual(before);
      expect(await claimed(store, node)).toMatchObject([{ id: row.id, status: 'running' }]);
    });

    it('asks the plan what runs, and writes nothing when it throws', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      const asked: unknown[] = [];
      const plan: NewRetry['plan'] = (found) => {
        asked.push(structuredClone(found));
        found.data = 'scribbled';
        throw new Error('not now');
      };
      await expectNothingChanged(store, () => store.retryExecution(execution.id, retryWith({ plan })));
      expect(asked).toEqual([execution]);
    });

    it('with the same id again gives the same row, also from two stores at once', async () => {
      const another = await fixture.another();
      const { execution } = await failed();
      const retry = retryWith();
      const rows = await Promise.all(
        [fixture.store, another].map((store) => store.retryExecution(execution.id, retry)),
      );
      expect(rows[1]).toEqual(rows[0]);
      expect((await fixture.store.getExecutions({})).items).toHaveLength(2);
    });

    it('rejects with the id of anything else, and its own id is taken for other runs', async () => {
      const { store } = fixture;
      const { job, execution } = await failed();
      const manual = await store.addManualExecution(job.id, byHand());
      for (const id of [manual.id, execution.id]) {
        await expect(store.retryExecution(execution.id, retryWith({ id }))).rejects.toThrow(ExecutionConflictError);
      }
      const { id } = await store.retryExecution(execution.id, retryWith());
      await expect(store.addManualExecution(job.id, byHand({ id }))).rejects.toThrow(ExecutionConflictError);
      await expect(store.retryExecution(manual.id, retryWith({ id }))).rejects.toThrow(ExecutionConflictError);
    });

    it('rejects for an execution that does not exist, and for one whose job is gone', async () => {
      const { store } = fixture;
      await expect(store.retryExecution(randomUUID(), retryWith())).rejects.toThrow(ExecutionNotFoundError);
      const { job, execution } = await failed();
      await store.removeJob(job.id);
      await expect(store.retryExecution(execution.id, retryWith())).rejects.toThrow(JobNotFoundError);
    });

    it('runs under a job that was added again with the same id', async () => {
      const { store } = fixture;
      const { job, execution } = await failed();
      await store.removeJob(job.id);
      const [again] = await added(store, notDue());
      expect(await store.retryExecution(execution.id, retryWith())).toMatchObject({ jobUid: again!.uid });
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
