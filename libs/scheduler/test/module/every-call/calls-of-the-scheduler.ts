import type { SchedulerState } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { expect } from 'vitest';

import {
  badOptions,
  NO_ARGUMENTS,
  NO_DATABASE,
  NO_ID,
  untilRunning,
  waiting,
  WRITES_NOTHING,
  type PromisesOf,
  type Scheduler,
} from './promises.js';

/** Until another node has heard of what the call does. */
async function heard(other: Scheduler, state: SchedulerState, call: () => Promise<void>): Promise<void> {
  using events = recordEvents(other, ['scheduler.state']);
  await call();
  await events.waitFor('scheduler.state', ({ to }) => to === state);
}

/** Whether the cluster is paused, as it stands in the database. */
async function clusterPause(scheduler: Scheduler, id: string): Promise<boolean> {
  await scheduler.addJob({ id, handler: 'nobody', every: '1h' }, { onConflict: 'keep' });
  return (await scheduler.explain(id)).because.some((sentence) => /cluster is paused/.test(sentence));
}

export const callsOfTheScheduler: PromisesOf<'start' | 'shutdown' | 'pause' | 'resume' | 'health' | 'on'> = {
  start: {
    async works({ one }) {
      await one.start();
      expect(one.state).toBe('running');
    },
    unknownId: NO_ID,
    async wrongState({ one }) {
      await one.shutdown();
      await Promise.all([one.start(), one.start()]);
      await untilRunning(one);
    },
    badArguments: NO_ARGUMENTS,
    away: { none: 'it resolves, and goes on trying: lifecycle.spec.ts and test/chaos show that' },
    inTransaction: WRITES_NOTHING,
  },
  shutdown: {
    async works({ one, two }) {
      await one.shutdown();
      expect([one.state, two.state]).toEqual(['stopped', 'running']);
    },
    unknownId: NO_ID,
    async wrongState({ one }) {
      await Promise.all([one.shutdown(), one.shutdown()]);
      await one.shutdown();
      expect(one.state).toBe('stopped');
    },
    badArguments: NO_ARGUMENTS,
    away: { none: 'it never rejects, and is bounded: test/shutdown-is-bounded.e2e-spec.ts shows that' },
    inTransaction: WRITES_NOTHING,
  },
  pause: {
    async works({ one, two }) {
      await heard(two, 'paused', () => one.pause({ by: 'anna', reason: 'moving' }));
      expect(two.health().reason).toBe('the cluster is paused by anna: moving');
      await heard(two, 'running', () => one.resume());
    },
    unknownId: NO_ID,
    async wrongState({ one, two }) {
      await heard(two, 'paused', () => one.pause({ by: 'anna' }));
      await one.pause({ by: 'bob' });
      expect(one.health().reason).toBe('the cluster is paused by anna');
      await heard(two, 'running', () => one.resume());
    },
    badArguments: {
      ...badOptions((s, options) => s.pause(options)),
      'a scope there is not': (s) => s.pause({ scope: 'world' as never }),
      'a node in a transaction': (s) => s.pause({ scope: 'node', manager: { query: () => {} } as never }),
    },
    away: (s) => s.pause(),
    inTransaction: {
      call: (s, _, manager) => s.pause({ manager }),
      shows: clusterPause,
    },
  },
  resume: {
    async works({ one, two }) {
      await heard(two, 'paused', () => one.pause());
      await heard(two, 'running', () => one.resume());
    },
    unknownId: NO_ID,
    async wrongState({ one, two }) {
      await one.resume();
      await one.resume({ scope: 'node' });
      expect([one.state, two.state]).toEqual(['running', 'running']);
    },
    badArguments: {
      ...badOptions((s, options) => s.resume(options)),
      'a scope there is not': (s) => s.resume({ scope: 1 as never }),
      'catchUp of a node': (s) => s.resume({ scope: 'node', catchUp: true }),
      'catchUp that is no boolean': (s) => s.resume({ catchUp: 'yes' as never }),
    },
    away: (s) => s.resume(),
    inTransaction: {
      given: (s) => s.pause(),
      call: (s, _, manager) => s.resume({ manager }),
      shows: clusterPause,
    },
  },
  health: {
    async works({ one, two }) {
      for (const scheduler of [one, two]) {
        expect(scheduler.health()).toMatchObject({ state: 'running', alive: true, ready: true, reason: null });
      }
    },
    unknownId: NO_ID,
    async wrongState({ one }) {
      await one.shutdown();
      expect(one.health()).toMatchObject({ state: 'stopped', alive: false, ready: false });
    },
    badArguments: NO_ARGUMENTS,
    away: NO_DATABASE,
    inTransaction: WRITES_NOTHING,
  },
  on: {
    async works({ one, two }, id) {
      const heard: string[] = [];
      const off = one.on('job.added', ({ job }) => heard.push(`one: ${job.id}`));
      two.on('job.added', ({ job }) => heard.push(`two: ${job.id}`))();
      await waiting(one, id);
      off();
      await waiting(one, `${id}-later`);
      expect(heard).toEqual([`one: ${id}`]);
    },
    unknownId: NO_ID,
    async wrongState({ one }) {
      const heard: string[] = [];
      await one.shutdown();
      const off = one.on('scheduler.state', ({ to }) => heard.push(to));
      await one.start();
      await untilRunning(one);
      off();
      expect(heard).toEqual(['starting', 'running']);
    },
    badArguments: {
      'an event there is not': (s) => s.on('job.gone' as never, () => {}),
      'a listener that is none': (s) => s.on('job.added', undefined as never),
    },
    away: NO_DATABASE,
    inTransaction: WRITES_NOTHING,
  },
};
