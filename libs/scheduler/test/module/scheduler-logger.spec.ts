import { Injectable, Logger } from '@nestjs/common';
import {
  JobHandler,
  JobStoreUnavailableError,
  NotificationsUnheardError,
  type ExecutionInfo,
  type SchedulerState,
} from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { EngineEvents } from '../../src/engine/engine-events.js';
import { QuietLogger } from '../../src/module/quiet-logger.js';
import { SchedulerLogger } from '../../src/module/scheduler.logger.js';
import { boot, LogRecorder } from './support.js';

const away = new JobStoreUnavailableError('PostgreSQL at db:5432: connection refused', 'not-written');
const execution: ExecutionInfo = {
  id: 'e1',
  jobId: 'report',
  kind: 'schedule',
  status: 'failed',
  scheduledAt: new Date('2026-01-01T10:00:00Z'),
  untilAt: null,
  instantCount: 1,
  isCatchUp: false,
  startedAt: null,
  finishedAt: null,
  reason: null,
  progress: null,
  logs: [],
  retryOf: null,
  attempts: [],
  attempt: 2,
  node: null,
  error: { name: 'TypeError', message: 'no such region', stack: 'at Reports.send' },
  result: null,
};

let clock: ManualClock;
let events: EngineEvents;
let logs: LogRecorder;

beforeEach(() => {
  clock = new ManualClock();
  events = new EngineEvents(() => {});
  logs = new LogRecorder();
  Logger.overrideLogger(logs);
  onTestFinished(() => Logger.overrideLogger(false));
  new SchedulerLogger(new QuietLogger('Scheduler'), clock, 'node-1').listen(events);
});

const fail = (error: Error = away, service = 'loop', attempt = 1): void =>
  events.emit('scheduler.failure', { service, error, attempt, retryInMs: 100 });
const turn = (
  from: SchedulerState,
  to: SchedulerState,
  downMs: number | null = null,
  reason: string | null = null,
): void => events.emit('scheduler.state', { from, to, error: null, downMs, reason });

const rescued = (status: 'pending' | 'abandoned' | 'cancelled', reason: string | null = null) => ({
  executionId: 'e1',
  jobId: 'report',
  node: 'web-2',
  status,
  reason,
});

describe('An outage', () => {
  it('is told at once, then once a minute, and when it is over', async () => {
    for (let second = 0; second < 150; second += 1) {
      fail();
      await clock.advance(1_000);
    }
    turn('recovering', 'running', 150_000);

    expect(logs.messages('error')).toEqual([
      'The database cannot be reached: PostgreSQL at db:5432: connection refused. No job is lost; what becomes due waits. Trying again until it is back.',
      expect.stringContaining('cannot be reached for 60 s'),
      expect.stringContaining('cannot be reached for 2 min'),
    ]);
    expect(logs.messages('log')).toContain('Recovered after 3 min.');
    expect(logs.lines.every(({ context }) => context === 'Scheduler')).toBe(true);
  });

  it('is summed up when it is over: how long it was, and what came due meanwhile', () => {
    events.emit('execution.missed', { execution: { ...execution, instantCount: 7 } });
    fail();
    for (let run = 0; run < 3; run += 1)
      events.emit('execution.started', { execution: { ...execution, isCatchUp: true } });
    events.emit('execution.started', { execution });
    events.emit('execution.missed', { execution: { ...execution, instantCount: 41 } });
    turn('recovering', 'running', 42_000);
    expect(logs.messages('log')).toContain(
      'Recovered after 42 s, 3 missed runs caught up, 41 fires recorded as missed.',
    );
  });

  it('after which every job has missed something fills no log', async () => {
    for (let job = 0; job < 1_000; job += 1)
      events.emit('execution.missed', { execution: { ...execution, jobId: `job-${job}` } });
    await clock.advance(0);
    expect(logs.messages('warn')).toHaveLength(6);
    expect(logs.messages('warn').at(-1)).toBe('Further missed fires of this minute are told at the level debug.');
    await clock.advance(60_000);
    events.emit('execution.missed', { execution });
    await clock.advance(0);
    expect(logs.messages('warn')).toHaveLength(7);
  });

  it('that several services feel is one', () => {
    for (const service of ['loop', 'lease-renewer', 'outcome-writer']) fail(away, service);
    expect(logs.messages('error')).toHaveLength(1);
  });

  it('that comes and goes is not told more often', async () => {
    for (let second = 0; second < 30; second += 1) {
      fail();
      turn('degraded', 'running', 42_000);
      await clock.advance(1_000);
    }
    expect(logs.messages('error')).toHaveLength(1);
    expect(logs.messages('log').filter((line) => line.startsWith('Recovered'))).toEqual(['Recovered after 42 s.']);
  });

  it('of some length is told with its end, although one a moment ago was told', async () => {
    fail();
    turn('degraded', 'running', 300);
    await clock.advance(5_000);
    fail();
    turn('recovering', 'running', 21_000);
    expect(logs.messages('error')).toHaveLength(1);
    expect(logs.messages('log')).toContain('Recovered after 21 s.');
  });

  it('is not counted from a failure of hours ago', async () => {
    fail();
    await clock.advance(2 * 3_600_000);
    fail();
    expect(logs.messages('error')[1]).toMatch(/^The database cannot be reached: /);
  });

  it('is none where jobs go on: a background service says its own line, and mutes nothing', () => {
    for (const attempt of [1, 2, 3]) fail(away, 'history-pruner', attempt);
    fail();
    expect(logs.messages('error')).toEqual([
      expect.stringMatching(/^The scheduler's history-pruner service failed \(attempt 3\): PostgreSQL at db:5432/),
      expect.stringMatching(/^The database cannot be reached: /),
    ]);
  });

  it('of a server that answers is told as what it is', () => {
    const cause = Object.assign(new Error('too many clients'), { code: '53300', severity: 'ERROR' });
    fail(new JobStoreUnavailableError('PostgreSQL at db:5432: too many clients', 'not-written', { cause }));
    expect(logs.messages('error')[0]).toMatch(
      /^The database refuses work: PostgreSQL at db:5432: too many clients\. No job/,
    );
  });

  it('behind which nothing is delivered is told once, and is no error', () => {
    for (let turns = 0; turns < 3; turns += 1) fail(new NotificationsUnheardError('db:6432'), 'notifications');
    expect(logs.messages('error')).toEqual([]);
    expect(logs.messages('warn')).toEqual([expect.stringContaining('notifications: false')]);
  });
});

describe('A failure of another kind', () => {
  it('is told beside an outage, by what failed', () => {
    fail();
    fail(new TypeError('x is undefined'), 'history-pruner', 3);
    expect(logs.messages('error')[1]).toBe(
      "The scheduler's history-pruner service failed (attempt 3): x is undefined. Trying again.",
    );
  });

  it('is told without the password of a connection string', () => {
    fail(new Error('cannot connect to postgres://app:hunter2@db/x'), 'loop');
    expect(logs.messages('error')[0]).toContain('postgres://app:***@db/x');
  });
});

describe('A line', () => {
  it.each<[string, () => void, 'log' | 'warn' | 'error' | 'debug', RegExp | string]>([
    ['of the start', () => turn('starting', 'running'), 'log', 'Running as node "node-1".'],
    ['of the shutdown', () => turn('running', 'draining'), 'log', /^Shutting down/],
    ['of the stop', () => turn('draining', 'stopped'), 'log', 'Stopped.'],
    [
      'of a failure with attempts left',
      () => events.emit('execution.failed', { execution, retryAt: new Date('2026-01-01T10:01:00Z') }),
      'warn',
      'Job "report" (execution e1) failed at attempt 2: TypeError: no such region. The next attempt is at 2026-01-01T10:01:00.000Z.',
    ],
    [
      'of a run that is handed over',
      () =>
        events.emit('execution.released', {
          execution: { ...execution, reason: 'its node shut down' },
          availableAt: new Date('2026-01-01T10:01:00Z'),
        }),
      'warn',
      'Job "report" (execution e1) is handed over: its node shut down. It may be run again from 2026-01-01T10:01:00.000Z on; no attempt is spent.',
    ],
    [
      'of a run whose end could not be written',
      () => events.emit('execution.unrecorded', { execution }),
      'error',
      /could not be recorded.*another one runs it again/,
    ],
    [
      'of the last failure',
      () => events.emit('execution.failed', { execution, retryAt: null }),
      'error',
      /There is no further attempt\.$/,
    ],
    [
      'of a failure with a cause',
      () =>
        events.emit('execution.failed', {
          execution: {
            ...execution,
            error: {
              name: 'TypeError',
              message: 'fetch failed',
              cause: { name: 'Error', message: 'getaddrinfo ENOTFOUND supplier.example' },
            },
          },
          retryAt: null,
        }),
      'error',
      /failed at attempt 2: TypeError: fetch failed \(getaddrinfo ENOTFOUND supplier\.example\)\. There is/,
    ],
    [
      'of a missed range',
      () =>
        events.emit('execution.missed', {
          execution: { ...execution, untilAt: new Date('2026-01-01T11:00:00Z'), instantCount: 1_001 },
        }),
      'warn',
      'Job "report" missed more than 1,000 fires, from 2026-01-01T10:00:00.000Z to 2026-01-01T11:00:00.000Z.',
    ],
    [
      'of one missed instant',
      () => events.emit('execution.missed', { execution: { ...execution, reason: 'too late' } }),
      'warn',
      'Job "report" missed its fire of 2026-01-01T10:00:00.000Z: too late.',
    ],
    ['of a skipped instant', () => events.emit('execution.skipped', { execution }), 'debug', /was skipped/],
    [
      'of a takeover',
      () => events.emit('execution.taken-over', { execution }),
      'warn',
      /this outcome is not recorded\.$/,
    ],
    [
      'of a run that a dead node left, offered again',
      () => events.emit('execution.rescued', rescued('pending')),
      'warn',
      'Job "report" (execution e1) was running on node "web-2", which died. It will be run again.',
    ],
    [
      'of a run that a dead node left, given up',
      () => events.emit('execution.rescued', rescued('abandoned', 'it took down 3 processes')),
      'warn',
      /"web-2", which died\. It will not be run again: it took down 3 processes\.$/,
    ],
    [
      'of a run that a dead node left, cancelled',
      () => events.emit('execution.rescued', rescued('cancelled')),
      'warn',
      /"web-2", which died\. It is cancelled/,
    ],
    [
      'of a timeout',
      () => events.emit('execution.timed-out', { execution }),
      'error',
      /took longer than its timeoutMs/,
    ],
    ['of what is given up', () => events.emit('execution.abandoned', { execution }), 'error', /will not be run again/],
    [
      'of a few instants of one job that were missed together',
      () => {
        for (const minute of [1, 2, 3]) {
          const scheduledAt = new Date(Date.UTC(2026, 0, 1, 10, minute));
          events.emit('execution.missed', { execution: { ...execution, scheduledAt, reason: 'too late' } });
        }
      },
      'warn',
      'Job "report" missed 3 fires, from 2026-01-01T10:01:00.000Z to 2026-01-01T10:03:00.000Z: too late.',
    ],
  ])('%s is for people', async (_, happens, level, message) => {
    happens();
    await clock.advance(0);
    expect(logs.messages(level)).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
    expect(logs.lines).toHaveLength(1);
  });
});

describe('The line of a failure', () => {
  it('has the stack below it when it is the last one', () => {
    events.emit('execution.failed', { execution, retryAt: new Date() });
    events.emit('execution.failed', { execution, retryAt: null });
    expect(logs.lines.map(({ level, stack }) => [level, stack])).toEqual([
      ['warn', undefined],
      ['error', 'at Reports.send'],
    ]);
  });
});

describe('A logger that throws', () => {
  it('changes nothing, neither for the scheduler nor for a handler', async () => {
    @Injectable()
    class Talkative {
      @JobHandler('talk')
      run({ logger }: { logger: { log(message: string): void } }): string {
        logger.log('hello');
        return 'said';
      }
    }
    class Broken extends LogRecorder {
      override log(message: unknown, context?: unknown): void {
        if (/^(Scheduler|Job )/.test(String(context))) throw new Error('disk full');
        super.log(message, context);
      }
      override debug = this.log.bind(this);
    }
    const { scheduler } = await boot({ logger: new Broken(), providers: [Talkative] });
    using recorded = recordEvents(scheduler, ['execution.succeeded', 'execution.failed']);
    await scheduler.addJob({ handler: 'talk' });

    const { execution: done } = await recorded.waitFor('execution.succeeded');
    expect(done.result).toBe('said');
  });
});

describe('A pause', () => {
  const reason = 'the cluster is paused by anna: the tables are moved.';
  const said =
    'The cluster is paused by anna: the tables are moved. Nothing starts until resume() is called; what runs goes on.';

  it('is told once, also when it outlasts an outage, and its end with who ended it', () => {
    turn('starting', 'paused', null, reason);
    turn('paused', 'disconnected');
    turn('recovering', 'paused', 3_000, reason);
    turn('paused', 'running', null, ' by bob: done.');
    turn('running', 'degraded');
    turn('degraded', 'running');

    expect(logs.messages('warn')).toEqual([said]);
    expect(logs.messages('log')).toEqual([
      'Recovered after 3 s.',
      'Running as node "node-1".',
      'Resumed by bob: done.',
    ]);
  });

  it('that ends while the database is away is told with the recovery', () => {
    turn('running', 'paused', null, reason);
    turn('paused', 'disconnected');
    turn('recovering', 'degraded', 3_000);

    expect(logs.messages('log')).toEqual(['Recovered after 3 s.', 'Resumed.']);
  });
});
