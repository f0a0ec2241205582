import { randomUUID } from 'node:crypto';

import {
  BackfillConflictError,
  ExecutionConflictError,
  ExecutionNotFoundError,
  ExecutionStateError,
  InvalidJobError,
  JobNotFoundError,
} from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { expect } from 'vitest';

import {
  ann,
  badIds,
  badOptions,
  cancelled,
  GREET,
  NO_STATE,
  paused,
  runsOf,
  waiting,
  waitingRun,
  WRITES_NOTHING,
  type PromisesOf,
  type Scheduler,
} from './promises.js';

type Calls = 'runJob' | 'backfill' | 'getExecution' | 'getExecutions' | 'cancelExecution' | 'retryExecution';

const MINUTE = 60_000;
const LONG_AGO = new Date(Date.now() - 60 * MINUTE);
const past = (minutes: number): Date => new Date(LONG_AGO.getTime() + minutes * MINUTE);
/** A job whose schedule has come past an hour of minutes. */
const pastMinutes = (scheduler: Scheduler, id: string) =>
  scheduler.addJob({ id, handler: 'nobody', every: '1m', startAt: LONG_AGO });
const statuses = async (scheduler: Scheduler, id: string) => (await runsOf(scheduler, id)).map(({ status }) => status);

export const callsAboutExecutions: PromisesOf<Calls> = {
  runJob: {
    async works({ one, two }, id) {
      using events = recordEvents(two, ['execution.succeeded']);
      await one.addJob({ id, handler: GREET, every: '1h', data: ann });
      const { id: executionId } = await one.runJob(id, { data: { user: 'bob' } });
      const { execution } = await events.waitFor(
        'execution.succeeded',
        ({ execution }) => execution.id === executionId,
      );
      expect(execution).toMatchObject({ kind: 'manual', result: 'hello bob' });
    },
    unknownId: { call: (s, id) => s.runJob(id), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      const executionId = randomUUID();
      await paused(one, id);
      await one.runJob(id, { executionId });
      await one.runJob(id, { executionId });
      expect(await statuses(one, id)).toEqual(['pending']);
      await expect(one.runJob('declared', { executionId })).rejects.toBeInstanceOf(ExecutionConflictError);
    },
    badArguments: {
      ...badOptions((s, options) => s.runJob('declared', options)),
      ...badIds((s, id) => s.runJob(id)),
      'data that is not JSON': (s) => s.runJob('declared', { data: () => {} }),
      'an executionId that is no UUID': (s) => s.runJob('declared', { executionId: '1' }),
    },
    away: (s) => s.runJob('declared'),
    inTransaction: { given: waiting, call: (s, id, manager) => s.runJob(id, { manager }), shows: statuses },
  },
  backfill: {
    async works({ one, two }, id) {
      await pastMinutes(one, id);
      const batchId = randomUUID();
      expect(await one.backfill(id, past(1), past(3), { batchId })).toEqual({ submitted: 3 });
      expect(await two.backfill(id, past(1), past(3), { batchId })).toEqual({ submitted: 3 });
      expect((await runsOf(two, id)).filter(({ kind }) => kind === 'backfill')).toHaveLength(3);
    },
    unknownId: { call: (s, id) => s.backfill(id, past(1), past(2)), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      await pastMinutes(one, id);
      const future = new Date(Date.now() + 60 * MINUTE);
      await expect(one.backfill(id, past(1), future)).rejects.toBeInstanceOf(InvalidJobError);
      const batchId = randomUUID();
      await one.backfill(id, past(1), past(2), { batchId });
      await pastMinutes(one, `${id}-other`);
      const other = one.backfill(`${id}-other`, past(1), past(2), { batchId });
      await expect(other).rejects.toBeInstanceOf(BackfillConflictError);
    },
    badArguments: {
      ...badOptions((s, options) => s.backfill('declared', past(1), past(2), options)),
      ...badIds((s, id) => s.backfill(id, past(1), past(2))),
      'what is no Date': (s) => s.backfill('declared', '2026-01-01' as never, past(2)),
      'a Date that is none': (s) => s.backfill('declared', past(1), new Date(NaN)),
      'an end before its start': (s) => s.backfill('declared', past(2), past(1)),
      'a batchId that is no UUID': (s) => s.backfill('declared', past(1), past(2), { batchId: 'x' }),
    },
    away: (s) => s.backfill('declared', past(1), past(2)),
    inTransaction: {
      given: pastMinutes,
      call: (s, id, manager) => s.backfill(id, past(1), past(2), { manager }),
      shows: async (s, id) => (await runsOf(s, id)).filter(({ kind }) => kind === 'backfill').length,
    },
  },
  getExecution: {
    async works({ one, two }, id) {
      const run = await waitingRun(one, id);
      expect(await two.getExecution(run.id)).toEqual({ ...run, attempts: [] });
    },
    unknownId: { call: (s) => s.getExecution(randomUUID()), gives: null },
    wrongState: NO_STATE,
    badArguments: badIds((s, id) => s.getExecution(id)),
    away: (s) => s.getExecution(randomUUID()),
    inTransaction: WRITES_NOTHING,
  },
  getExecutions: {
    async works({ one, two }, id) {
      await waiting(one, id);
      const ids = [(await one.runJob(id)).id, (await one.runJob(id)).id, (await one.runJob(id)).id];
      const first = await two.getExecutions({ jobId: id, limit: 2 });
      const second = await two.getExecutions({ jobId: id, limit: 2, cursor: first.nextCursor! });
      expect([...first.items, ...second.items].map((each) => each.id).toSorted()).toEqual(ids.toSorted());
      expect(second.nextCursor).toBeNull();
    },
    unknownId: { call: async (s, id) => (await s.getExecutions({ jobId: id })).items, gives: [] },
    wrongState: NO_STATE,
    badArguments: {
      'a filter there is not': (s) => s.getExecutions({ id: 'x' } as never),
      'a filter that is none': (s) => s.getExecutions(null as never),
      'a status there is not': (s) => s.getExecutions({ status: 'done' as never }),
      'a time that is no Date': (s) => s.getExecutions({ from: 5 as never }),
      'a limit that is none': (s) => s.getExecutions({ limit: 1e9 }),
      'a cursor of somewhere else': (s) => s.getExecutions({ cursor: 'x' }),
    },
    away: (s) => s.getExecutions(),
    inTransaction: WRITES_NOTHING,
  },
  cancelExecution: {
    async works({ one, two }, id) {
      const run = await waitingRun(one, id);
      await one.cancelExecution(run.id, { reason: 'not today', by: 'anna' });
      expect(await two.getExecution(run.id)).toMatchObject({ status: 'cancelled', reason: 'not today (by anna)' });
    },
    unknownId: { call: (s) => s.cancelExecution(randomUUID()), gives: ExecutionNotFoundError },
    async wrongState({ one }, id) {
      const run = await cancelled(one, id);
      const before = await one.getExecution(run.id);
      await one.cancelExecution(run.id, { reason: 'again' });
      expect(await one.getExecution(run.id)).toEqual(before);
    },
    badArguments: {
      ...badOptions((s, options) => s.cancelExecution(randomUUID(), options)),
      ...badIds((s, id) => s.cancelExecution(id)),
    },
    away: (s) => s.cancelExecution(randomUUID()),
    inTransaction: {
      given: waitingRun,
      call: (s, of, manager) => s.cancelExecution(of, { manager }),
      shows: statuses,
    },
  },
  retryExecution: {
    async works({ one, two }, id) {
      const run = await cancelled(one, id);
      const again = await one.retryExecution(run.id, { by: 'anna' });
      expect(await two.getExecution(again.id)).toMatchObject({ retryOf: run.id, status: 'pending', reason: 'by anna' });
    },
    unknownId: { call: (s) => s.retryExecution(randomUUID()), gives: ExecutionNotFoundError },
    async wrongState({ one }, id) {
      const run = await waitingRun(one, id);
      await expect(one.retryExecution(run.id)).rejects.toBeInstanceOf(ExecutionStateError);
      await one.removeJob(id);
      await expect(one.retryExecution(run.id)).rejects.toBeInstanceOf(JobNotFoundError);
    },
    badArguments: {
      ...badOptions((s, options) => s.retryExecution(randomUUID(), options)),
      ...badIds((s, id) => s.retryExecution(id)),
      'an executionId that is no UUID': (s) => s.retryExecution(randomUUID(), { executionId: 'x' }),
    },
    away: (s) => s.retryExecution(randomUUID()),
    inTransaction: {
      given: cancelled,
      call: (s, of, manager) => s.retryExecution(of, { manager }),
      shows: async (s, id) => (await statuses(s, id)).length,
    },
  },
};
