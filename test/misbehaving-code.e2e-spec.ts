import { randomUUID } from 'node:crypto';

import { Injectable, type Type } from '@nestjs/common';
import { JobContext, ScheduledJob, SchedulerService, type SchedulerModuleOptions } from 'nestjs-vigil';
import { createDatabase, judgeLedger, readLedger, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { startApplication, type Application } from './support/application.js';
import { query } from './support/ledger.js';
import { Replica } from './support/replicas.js';

const STUBBORN = { script: new URL('support/stubborn.mjs', import.meta.url) };
const LEASE_MS = 2_000;

const isComplaint = (line: Record<string, unknown>): boolean => 'unhandled' in line || 'uncaught' in line;

/** Each instant of the job has one record at most, and none is missing between the first and the last. */
async function expectCleanLedger(url: string): Promise<void> {
  const executions = (await readLedger(url, { jobId: 'work' })).filter(({ kind }) => kind === 'schedule');
  const first = +executions[0]!.scheduledAt;
  const until = Math.max(...executions.map(({ scheduledAt, untilAt }) => +(untilAt ?? scheduledAt)));
  const expected = Array.from({ length: (until - first) / 1_000 + 1 }, (_, index) => new Date(first + index * 1_000));
  expect(judgeLedger({ expected, executions })).toMatchObject({ missing: [], doubled: [], unexpected: [] });
}

interface Run {
  status: string;
  node_name: string | null;
  lease_epoch: number;
  result: unknown;
}

describe('A handler that blocks the event loop for longer than the lease', () => {
  it('loses its run to another node; its late outcome does not count, the log says so, and its node goes on anew', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    const settings = (nodeName: string) => ({
      DATABASE_URL: database.url,
      OPTIONS: JSON.stringify({ leaseMs: LEASE_MS, nodeName }),
    });
    const incarnations = (): Promise<{ incarnation: string }[]> =>
      query(database.url, `SELECT incarnation FROM scheduler.node WHERE node_name = 'blocked'`);
    await using blocked = Replica.start({ ...settings('blocked'), MISBEHAVIOUR: 'block' }, STUBBORN);
    const { started } = await blocked.waitFor(({ odd }) => odd === true, 'a handler that blocks');
    const before = await incarnations();
    await using healthy = Replica.start(settings('healthy'), STUBBORN);
    await healthy.waitFor(({ ran }) => ran === started, 'the run again, elsewhere');
    await blocked.waitFor(({ ran }) => ran === started, 'the end of the blocked run');
    await blocked.waitFor(
      ({ ran }) => ran !== undefined && ran !== started,
      'another run of the node that was blocked',
    );

    const [run] = await query<Run>(database.url, `SELECT * FROM scheduler.job_execution WHERE id = $1`, [started]);
    expect(run).toMatchObject({ status: 'succeeded', node_name: 'healthy', lease_epoch: 3 });
    expect(run?.result).toBe(healthy.process.pid);
    const after = await incarnations();
    expect(before).toHaveLength(1);
    expect(after).toHaveLength(1);
    expect(after[0]?.incarnation).not.toBe(before[0]?.incarnation);
    expect(blocked.noise.join('\n')).toMatch(
      new RegExp(`Job "work" \\(execution ${String(started)}\\) was judged lost while it ran here`),
    );
    expect(healthy.noise.join('\n')).toMatch(/was running on node "blocked", which died\. It will be run again/);
    await Promise.all([blocked.stop(), healthy.stop()]);
    expect([...blocked.lines, ...healthy.lines].filter(isComplaint)).toEqual([]);
    await expectCleanLedger(database.url);
  });
});

describe('A handler that leaks an unhandled rejection', () => {
  it('leaves the process alive when the application listens for them; it hears of it, and the run is recorded as it was', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    const environment = { DATABASE_URL: database.url, MISBEHAVIOUR: 'leak', SURVIVE: 'yes' };
    await using replica = Replica.start(environment, STUBBORN);
    const { started } = await replica.waitFor(({ odd }) => odd === true, 'a handler that leaks');
    await replica.waitFor(({ unhandled }) => unhandled === 'Error: leaked by a handler', 'the rejection');
    await replica.waitFor(({ ran }) => ran !== undefined && ran !== started, 'the next run');
    const [run] = await query<Run>(database.url, `SELECT * FROM scheduler.job_execution WHERE id = $1`, [started]);
    expect(run?.status).toBe('succeeded');
    expect(await replica.stop()).toBe(0);
    expect(replica.lines.filter(isComplaint)).toHaveLength(1);
  });

  it('ends the process when the application does not: that is what Node does, and Vigil does not hide it', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using replica = Replica.start({ DATABASE_URL: database.url, MISBEHAVIOUR: 'leak' }, STUBBORN);
    expect(await replica.exited).toBe(1);
    expect(replica.noise.join('\n')).toContain('leaked by a handler');
  });
});

/** A job that runs once a second and does to its own scheduler what `act` does. */
async function applicationWith(
  url: string,
  act: (scheduler: SchedulerService, context: JobContext) => unknown,
  options: SchedulerModuleOptions = {},
): Promise<Application> {
  @Injectable()
  class Meddler {
    constructor(private readonly scheduler: SchedulerService) {}

    @ScheduledJob('* * * * * *', { id: 'work' })
    async work(context: JobContext): Promise<unknown> {
      return await act(this.scheduler, context);
    }
  }
  Reflect.defineMetadata('design:paramtypes', [SchedulerService], Meddler as Type);
  return await startApplication({ connection: { url }, autoStart: false, ...options } as SchedulerModuleOptions, [
    Meddler,
  ]);
}

describe('A handler that turns on its own scheduler', () => {
  it('may pause its job, and its run is recorded', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using application = await applicationWith(database.url, (scheduler, { jobId }) => scheduler.pauseJob(jobId));
    await application.scheduler.start();
    await application.events.waitFor('execution.succeeded');
    expect(await application.scheduler.getJob('work')).toMatchObject({ state: 'paused' });
    expect((await readLedger(database.url)).map(({ status }) => status)).toEqual(['succeeded']);
  });

  it('may run its job once more, and cancel itself', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    const other = randomUUID();
    await using application = await applicationWith(database.url, async (scheduler, { jobId, executionId }) => {
      await scheduler.runJob(jobId, { executionId: other });
      await scheduler.cancelExecution(executionId);
    });
    using events = recordEvents(application.scheduler, ['execution.cancelled']);
    await application.scheduler.start();
    await events.waitFor('execution.cancelled', ({ execution }) => execution.id !== other);
    await events.waitFor('execution.cancelled', ({ execution }) => execution.id === other);
    expect(application.scheduler.state).toBe('running');
  });

  it('may remove the job it runs for, and its run is recorded', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using application = await applicationWith(database.url, (scheduler, { jobId }) =>
      jobId === 'extra' ? scheduler.removeJob(jobId) : undefined,
    );
    await application.scheduler.start();
    await application.scheduler.addJob({ id: 'extra', handler: 'Meddler.work' });
    await application.events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'extra');
    expect(await application.scheduler.getJob('extra')).toBeNull();
    const rows = await readLedger(database.url, { jobId: 'extra' });
    expect(rows.map(({ status }) => status)).toEqual(['succeeded']);
  });

  it('may wait for its own shutdown: that ends when its time is over, and the run is handed over', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    let stopped: Promise<void> | undefined;
    await using application = await applicationWith(database.url, (scheduler) => (stopped = scheduler.shutdown()), {
      shutdownTimeoutMs: 1_000,
    } as SchedulerModuleOptions);
    using states = recordEvents(application.scheduler, ['scheduler.state']);
    await application.scheduler.start();
    await states.waitFor('scheduler.state', ({ to }) => to === 'stopped');
    await stopped;
    const rows = await readLedger(database.url);
    expect(rows.map(({ status, owner }) => [status, owner])).toEqual([['pending', null]]);
  });
});

describe('A logger that throws', () => {
  it('changes nothing', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    let runs = 0;
    await using application = await applicationWith(database.url, (_scheduler, { logger }) => {
      logger.log('about to fail');
      runs += 1;
      if (runs === 1) throw new Error('boom');
    });
    for (const level of ['log', 'warn', 'error', 'debug'] as const) {
      application.logger[level] = () => {
        throw new Error('the disk is full');
      };
    }
    await application.scheduler.start();
    await application.events.waitFor('execution.failed');
    await application.events.waitFor('execution.succeeded');
    expect(application.scheduler.state).toBe('running');
  });
});

describe('What a handler returns that jsonb refuses', () => {
  it.each<[string, unknown]>([
    ['U+0000 in a key', { 'a\0b': 1 }],
    ['half a surrogate pair in a key', { 'a\ud800': 1 }],
    ['arrays nested 8,000 deep', JSON.parse(`${'['.repeat(8_000)}${']'.repeat(8_000)}`)],
    ['10 MB', 'x'.repeat(10_000_000)],
  ])('%s: the run has succeeded, and the result says what is missing', async (_what, value) => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using application = await applicationWith(database.url, () => value);
    await application.scheduler.start();
    await application.events.waitFor('execution.succeeded');
    const [run] = await query<Run>(database.url, 'SELECT * FROM scheduler.job_execution ORDER BY scheduled_at LIMIT 1');
    expect(run?.status).toBe('succeeded');
    expect(JSON.stringify(run?.result).length).toBeLessThan(66_000);
    expect(application.events.names).not.toContain('scheduler.failure');
  });
});
