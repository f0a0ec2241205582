import { every, InvalidJobError, JobConflictError, JobNotFoundError, type SchedulerService } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { expect } from 'vitest';

import {
  ann,
  badIds,
  badOptions,
  GREET,
  NO_ARGUMENTS,
  NO_ID,
  NO_STATE,
  paused,
  stateOf,
  waiting,
  waitingRun,
  WRITES_NOTHING,
  type PromisesOf,
} from './promises.js';

type Calls =
  | 'addJob'
  | 'addJobs'
  | 'modifyJob'
  | 'pauseJob'
  | 'resumeJob'
  | 'removeJob'
  | 'getJob'
  | 'getJobs'
  | 'nextRuns'
  | 'exportJobs'
  | 'importJobs'
  | 'explain';

const exportOf = (id: string): object => ({
  version: 1,
  jobs: [{ id, handler: 'greet', schedule: { kind: 'every', every: '1h' }, data: ann }],
});
/** What makes a job new, and not of before. */
const scheduleOf = async (scheduler: SchedulerService, id: string) => (await scheduler.getJob(id))?.schedule;

export const callsAboutJobs: PromisesOf<Calls> = {
  addJob: {
    async works({ one, two }, id) {
      using events = recordEvents(two, ['execution.succeeded']);
      await one.addJob({ id, handler: GREET, data: ann });
      const { execution } = await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === id);
      expect(execution.result).toBe('hello ann');
    },
    unknownId: { none: 'a job of no handler of this process waits for one that has it' },
    async wrongState({ one }, id) {
      await waiting(one, id);
      await expect(waiting(one, id)).rejects.toBeInstanceOf(JobConflictError);
      await one.addJob({ id, handler: GREET, every: '2h', data: ann }, { onConflict: 'keep' });
      expect(await scheduleOf(one, id)).toBe('every 1 hour');
      await one.addJob({ id, handler: GREET, every: '2h', data: ann }, { onConflict: 'replace' });
      expect(await scheduleOf(one, id)).toBe('every 2 hours');
      await expect(one.addJob({ id: 'declared', handler: GREET, data: ann })).rejects.toBeInstanceOf(InvalidJobError);
    },
    badArguments: {
      ...badOptions((s, options) => s.addJob({ handler: 'nobody', every: '1h' }, options)),
      'a job that is none': (s) => s.addJob(null as never),
      'a job without a handler': (s) => s.addJob({ every: '1h' } as never),
      'a schedule that cannot be': (s) => s.addJob({ handler: 'nobody', cron: '61 * * * *' }),
      'two schedules': (s) => s.addJob({ handler: 'nobody', cron: '* * * * *', every: '1h' } as never),
      'data that is not JSON': (s) => s.addJob({ handler: 'nobody', data: 1n }),
      'a rule for conflicts there is not': (s) => s.addJob({ handler: 'nobody' }, { onConflict: 'merge' as never }),
    },
    away: (s, id) => waiting(s, id),
    inTransaction: {
      call: (s, id, manager) => s.addJob({ id, handler: 'nobody', every: '1h' }, { manager }),
      shows: stateOf,
    },
  },
  addJobs: {
    async works({ one, two }, id) {
      using events = recordEvents(two, ['execution.succeeded']);
      expect(
        await one.addJobs(GREET, [
          { id: `${id}-a`, data: ann },
          { id: `${id}-b`, data: ann },
        ]),
      ).toEqual({ added: 2 });
      for (const job of [`${id}-a`, `${id}-b`]) {
        await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === job);
      }
    },
    unknownId: NO_ID,
    async wrongState({ one }, id) {
      await waiting(one, id);
      const both = [
        { id: `${id}-new`, data: ann },
        { id, data: ann },
      ];
      await expect(one.addJobs(GREET, both)).rejects.toBeInstanceOf(JobConflictError);
      expect(await one.getJob(`${id}-new`)).toBeNull();
      expect(await one.addJobs(GREET, both, { onConflict: 'keep' })).toEqual({ added: 1 });
    },
    badArguments: {
      ...badOptions((s, options) => s.addJobs(GREET, [], options)),
      'a handler that is none': (s) => s.addJobs('greet' as never, []),
      'a method that is no handler': (s) => s.addJobs([GREET[0], 'wave'] as never, []),
      'jobs that are no list': (s) => s.addJobs(GREET, { id: 'x' } as never),
      'a job that cannot be': (s) => s.addJobs(GREET, [{ cron: 'never', data: ann }]),
      'one id twice': (s) =>
        s.addJobs(GREET, [
          { id: 'x', data: ann },
          { id: 'x', data: ann },
        ]),
    },
    away: (s, id) => s.addJobs(GREET, [{ id, data: ann }]),
    inTransaction: {
      call: (s, id, manager) => s.addJobs(GREET, [{ id, every: '1h', data: ann }], { manager }),
      shows: stateOf,
    },
  },
  modifyJob: {
    async works({ one, two }, id) {
      await waiting(one, id);
      await one.modifyJob(id, { every: '2h', priority: 9 }, { by: 'anna' });
      expect(await two.getJob(id)).toMatchObject({ schedule: 'every 2 hours', settings: { priority: 9 }, by: 'anna' });
    },
    unknownId: { call: (s, id) => s.modifyJob(id, { priority: 1 }), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      await paused(one, id);
      expect(await one.modifyJob(id, { every: '2h' })).toMatchObject({ state: 'paused', schedule: 'every 2 hours' });
    },
    badArguments: {
      ...badOptions((s, options) => s.modifyJob('declared', { priority: 1 }, options)),
      ...badIds((s, id) => s.modifyJob(id, { priority: 1 })),
      'no change': (s) => s.modifyJob('declared', {}),
      'changes that are none': (s) => s.modifyJob('declared', null as never),
      'a change there is not': (s) => s.modifyJob('declared', { prioritty: 1 } as never),
      'a schedule that cannot be': (s) => s.modifyJob('declared', { cron: '61 * * * *' }),
      'an instant': (s) => s.modifyJob('declared', { at: new Date() } as never),
    },
    away: (s) => s.modifyJob('declared', { priority: 1 }),
    inTransaction: {
      given: waiting,
      call: (s, id, manager) => s.modifyJob(id, { every: '2h' }, { manager }),
      shows: scheduleOf,
    },
  },
  pauseJob: {
    async works({ one, two }, id) {
      await waiting(one, id);
      await one.pauseJob(id, { by: 'anna', reason: 'broken' });
      expect(await two.getJob(id)).toMatchObject({ state: 'paused', by: 'anna', reason: 'broken' });
    },
    unknownId: { call: (s, id) => s.pauseJob(id), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      await paused(one, id);
      expect(await one.pauseJob(id, { by: 'bob' })).toMatchObject({ state: 'paused', by: 'anna' });
    },
    badArguments: {
      ...badOptions((s, options) => s.pauseJob('declared', options)),
      ...badIds((s, id) => s.pauseJob(id)),
    },
    away: (s) => s.pauseJob('declared'),
    inTransaction: { given: waiting, call: (s, id, manager) => s.pauseJob(id, { manager }), shows: stateOf },
  },
  resumeJob: {
    async works({ one, two }, id) {
      await paused(one, id);
      await one.resumeJob(id, { by: 'bob' });
      expect(await two.getJob(id)).toMatchObject({ state: 'active', by: 'bob' });
    },
    unknownId: { call: (s, id) => s.resumeJob(id), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      const { version } = await waiting(one, id);
      expect(await one.resumeJob(id, { by: 'bob' })).toMatchObject({ state: 'active', version });
    },
    badArguments: {
      ...badOptions((s, options) => s.resumeJob('declared', options)),
      ...badIds((s, id) => s.resumeJob(id)),
      'catchUp that is no boolean': (s) => s.resumeJob('declared', { catchUp: 1 as never }),
    },
    away: (s) => s.resumeJob('declared'),
    inTransaction: { given: paused, call: (s, id, manager) => s.resumeJob(id, { manager }), shows: stateOf },
  },
  removeJob: {
    async works({ one, two }, id) {
      const run = await waitingRun(one, id);
      await one.removeJob(id);
      expect(await two.getJob(id)).toBeNull();
      expect(await two.getExecution(run.id)).toMatchObject({ status: 'cancelled' });
    },
    unknownId: { call: (s, id) => s.removeJob(id), gives: JobNotFoundError },
    async wrongState({ one, two }) {
      for (const scheduler of [one, two]) {
        await expect(scheduler.removeJob('declared')).rejects.toThrow(/Pause it or delete the decorator/);
      }
    },
    badArguments: {
      ...badOptions((s, options) => s.removeJob('x', options)),
      ...badIds((s, id) => s.removeJob(id)),
    },
    away: (s, id) => s.removeJob(id),
    inTransaction: { given: waiting, call: (s, id, manager) => s.removeJob(id, { manager }), shows: stateOf },
  },
  getJob: {
    async works({ one, two }, id) {
      await waiting(one, id);
      expect(await two.getJob(id)).toMatchObject({ id, handler: 'nobody', source: 'dynamic', state: 'active' });
    },
    unknownId: { call: (s, id) => s.getJob(id), gives: null },
    wrongState: NO_STATE,
    badArguments: badIds((s, id) => s.getJob(id)),
    away: (s) => s.getJob('declared'),
    inTransaction: WRITES_NOTHING,
  },
  getJobs: {
    async works({ one, two }, id) {
      for (const tag of ['a', 'b', 'c'])
        await one.addJob({ id: `${id}-${tag}`, handler: 'nobody', every: '1h', tags: [id] });
      const first = await two.getJobs({ tag: id, limit: 2 });
      expect(first.items.map((job) => job.id)).toEqual([`${id}-a`, `${id}-b`]);
      const second = await two.getJobs({ tag: id, limit: 2, cursor: first.nextCursor! });
      expect([second.items.map((job) => job.id), second.nextCursor]).toEqual([[`${id}-c`], null]);
    },
    unknownId: { call: async (s, id) => (await s.getJobs({ handler: id })).items, gives: [] },
    wrongState: NO_STATE,
    badArguments: {
      'a filter there is not': (s) => s.getJobs({ job: 'x' } as never),
      'a filter that is none': (s) => s.getJobs(null as never),
      'a state there is not': (s) => s.getJobs({ state: 'asleep' as never }),
      'a limit that is none': (s) => s.getJobs({ limit: 0 }),
      'a cursor of somewhere else': (s) => s.getJobs({ cursor: 'x' }),
    },
    away: (s) => s.getJobs(),
    inTransaction: WRITES_NOTHING,
  },
  nextRuns: {
    async works({ one, two }, id) {
      await one.addJob({ id, handler: 'nobody', cron: '0 0 7 * * *', timeZone: 'Europe/Paris' });
      const runs = await two.nextRuns(id, 3);
      expect(runs).toHaveLength(3);
      expect(runs[0]!.at).toEqual((await one.getJob(id))!.nextRunAt);
    },
    unknownId: { call: (s, id) => s.nextRuns(id, 1), gives: JobNotFoundError },
    async wrongState({ one }, id) {
      await one.addJob({ id, handler: 'nobody', at: '2999-01-01T00:00:00Z' });
      await one.pauseJob(id);
      expect(await one.nextRuns(id, 5)).toEqual([{ at: new Date('2999-01-01T00:00:00Z') }]);
    },
    badArguments: {
      ...badIds((s, id) => s.nextRuns(id, 1)),
      'a trigger that is none': (s) => s.nextRuns({} as never, 1),
      'a count that is none': (s) => s.nextRuns(every('1h'), 0),
      'too many': (s) => s.nextRuns(every('1h'), 1_001),
    },
    away: (s) => s.nextRuns('declared', 1),
    inTransaction: WRITES_NOTHING,
  },
  exportJobs: {
    async works({ one, two }, id) {
      await waiting(one, id);
      const { jobs } = JSON.parse(JSON.stringify(await two.exportJobs())) as { jobs: { id: string }[] };
      expect(jobs.filter((job) => job.id === id)).toMatchObject([{ handler: 'nobody', state: 'active' }]);
      expect(jobs.map((job) => job.id)).not.toContain('declared');
    },
    unknownId: NO_ID,
    wrongState: NO_STATE,
    badArguments: NO_ARGUMENTS,
    away: (s) => s.exportJobs(),
    inTransaction: WRITES_NOTHING,
  },
  importJobs: {
    async works({ one, two }, id) {
      expect(await one.importJobs(exportOf(id))).toEqual({ added: 1 });
      expect(await two.getJob(id)).toMatchObject({ handler: 'greet', schedule: 'every 1 hour', data: ann });
    },
    unknownId: NO_ID,
    async wrongState({ one }, id) {
      await waiting(one, id);
      await expect(one.importJobs(exportOf(id))).rejects.toBeInstanceOf(JobConflictError);
      expect(await one.importJobs(exportOf(id), { onConflict: 'keep' })).toEqual({ added: 0 });
      await expect(one.importJobs(exportOf('declared'))).rejects.toThrow(/is the id of a @ScheduledJob/);
    },
    badArguments: {
      ...badOptions((s, options) => s.importJobs(exportOf('x'), options)),
      'what is no export': (s) => s.importJobs([]),
      'an export of another version': (s) => s.importJobs({ version: 99, jobs: [] }),
      'a job that cannot be': (s) => s.importJobs({ version: 1, jobs: [{ id: 'x', handler: 7 }] }),
    },
    away: (s, id) => s.importJobs(exportOf(id)),
    inTransaction: { call: (s, id, manager) => s.importJobs(exportOf(id), { manager }), shows: stateOf },
  },
  explain: {
    async works({ one, two }, id) {
      await paused(one, id);
      const { runs, because } = await two.explain(id);
      expect([runs, because[0]]).toEqual([false, expect.stringMatching(/^It was paused by anna at /)]);
    },
    unknownId: { call: (s, id) => s.explain(id), gives: JobNotFoundError },
    wrongState: { none: 'it explains every state: explain.spec.ts has them all' },
    badArguments: badIds((s, id) => s.explain(id)),
    away: (s) => s.explain('declared'),
    inTransaction: WRITES_NOTHING,
  },
};
