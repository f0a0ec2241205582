import { afterEach, describe, expect, it } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import type { Logger } from '../../src/engine/engine-logger.js';
import type { JobContext } from '../../src/engine/job-context.js';
import { RunLog } from '../../src/engine/run-log.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { ManualClock } from 'nestjs-vigil-testing';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, gate, type TestEngine } from './support.js';

const HOUR = 3_600_000;

async function logsIn(store: Cluster['store']): Promise<readonly string[]> {
  const { items } = await store.getExecutions({ jobId: 'job' });
  return items.at(-1)!.execution.logs;
}

const texts = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^\S+Z /, ''));

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('What a handler logs, %s,', (_, make) => {
  let cluster: Cluster;
  afterEach(() => cluster.dispose());

  it('is stored with its execution, while it runs and at the end of each attempt, whichever node it is on', async () => {
    cluster = await make();
    const holds = [gate(), gate()];
    const jobOn = (node: string) => ({
      every: '1h' as const,
      retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 5_000, jitter: false } } as const,
      run: async ({ logger, attempt }: JobContext<unknown>) => {
        logger.log(`begins on ${node}`);
        await holds[attempt - 1]!.opened;
        logger.warn('nearly done');
        if (attempt === 1) throw new Error('again');
        logger.error('done');
      },
    });
    const first = await cluster.node([jobOn('a')], { nodeName: 'a' });
    await cluster.start(first);
    await cluster.advance(HOUR);
    await cluster.advance(1_000);
    expect(await logsIn(cluster.store)).toEqual(['2026-01-01T01:00:00.000Z #1 LOG begins on a']);
    holds[0]!.open();
    await cluster.advance(0);
    await cluster.stop(first);
    const second = await cluster.node([jobOn('b')], { nodeName: 'b' });
    const ends: SchedulerEvents['execution.succeeded'][] = [];
    second.engine.events.on('execution.succeeded', (event) => ends.push(event));
    await cluster.start(second);
    await cluster.advance(5_000);
    holds[1]!.open();
    await cluster.advance(0);

    const logs = await logsIn(cluster.store);
    const attempts = ['#1 LOG begins on a', '#1 WARN nearly done', '#2 LOG begins on b', '#2 WARN nearly done'];
    expect(texts(logs)).toEqual([...attempts, '#2 ERROR done']);
    expect(ends[0]?.execution.logs).toEqual(logs);
    await cluster.stop(second);
  });

  it('is bounded: the first lines, the last ones, and how many were dropped', async () => {
    cluster = await make();
    const node = await cluster.node([
      {
        every: '1h',
        run: ({ logger }) => {
          for (let line = 1; line <= 10_000; line += 1) logger.log(`line ${line}`);
        },
      },
    ]);
    await cluster.start(node);
    await cluster.advance(HOUR);
    const logs = texts(await logsIn(cluster.store));
    expect(logs).toHaveLength(151);
    expect([logs[0], logs[99], logs[101], logs[150]]).toEqual(
      [1, 100, 9_951, 10_000].map((line) => `#1 LOG line ${line}`),
    );
    expect((await logsIn(cluster.store))[100]).toBe('… 9850 lines dropped');
    await cluster.stop(node);
  });
});

describe('A line', () => {
  /** What becomes of these lines: in Nest's logger, in events, in the ledger. */
  async function logged(log: (logger: Logger) => void) {
    const written: string[] = [];
    const keep = (level: string) => (message: unknown) => void written.push(`${level} ${String(message)}`);
    const loggerFor = () => ({ log: keep('log'), warn: keep('warn'), error: keep('error') });
    const node = aNode([{ every: '1h', run: ({ logger }) => log(logger) }], { loggerFor });
    const events: SchedulerEvents['execution.log'][] = [];
    node.engine.events.on('execution.log', (event) => events.push(event));
    await node.engine.start();
    await node.clock.advance(HOUR);
    return { written, events, stored: texts(await logsIn(node.store)) };
  }

  it('goes to the logger as it is, and is told by an event', async () => {
    const { written, events } = await logged(({ warn }) => warn('disk is nearly full'));
    expect(written).toEqual(['warn disk is nearly full']);
    expect(events).toMatchObject([
      {
        level: 'warn',
        message: 'disk is nearly full',
        at: new Date('2026-01-01T01:00:00Z'),
        execution: { jobId: 'job', status: 'running' },
      },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['with a password', 'to postgres://shop:hunter2@db/shop', 'to postgres://shop:***@db/shop'],
    ['with what PostgreSQL cannot store', 'a\0b\ud800', 'ab\ufffd'],
    ['that is very long', 'x'.repeat(1_000_000), `${'x'.repeat(500)}… (1000000 characters)`],
    ['that is no text', { toString: () => 'an object' }, 'an object'],
    ['that cannot be one', Object.create(null), 'Something was logged that cannot be turned into text.'],
  ])('%s is stored and told as it can be', async (_, message, text) => {
    const { events, stored } = await logged((logger) => {
      try {
        logger.log(message as string);
      } catch {
        // what the application's logger makes of it is its own affair
      }
    });
    expect(stored).toEqual([`#1 LOG ${text}`]);
    expect(events.map((event) => event.message)).toEqual([text]);
  });

  it('of a run that was given up is not stored and not told', async () => {
    const loggers: Logger[] = [];
    const node = aNode([{ every: '1h', run: ({ logger }) => void loggers.push(logger) }]);
    const told: unknown[] = [];
    node.engine.events.on('execution.log', (event) => told.push(event));
    await node.engine.start();
    await node.clock.advance(HOUR);
    loggers[0]!.log('too late');
    await node.clock.advance(5_000);
    expect(told).toEqual([]);
    expect(await logsIn(node.store)).toEqual([]);
  });
});

it('Lines of a later attempt go on behind those of the attempts before it', () => {
  const log = new RunLog({ logs: ['first', 'second'], attempt: 2 } as JobExecutionEntity);
  const add = (message: string): void => log.add({ level: 'log', message, at: new Date('2026-03-01T12:00:00Z') });
  add('third');
  expect(log.unwritten).toMatchObject({ from: 2, lines: [expect.stringContaining('#2 LOG third')] });
  log.wrote(log.unwritten!);
  expect(log.unwritten).toBeNull();
  add('fourth');
  expect(log.unwritten).toMatchObject({ from: 3, lines: [expect.stringContaining('fourth')] });
  log.wrote(log.unwritten!);
  expect(log.unwritten).toBeNull();
});

describe('The statements that lines cost', () => {
  const counting = (): { node: TestEngine; faults: FaultyStore; saves: () => number } => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    const chatty = async (context: JobContext<unknown>): Promise<void> => {
      for (let line = 0; line < 400; line += 1) {
        context.logger.log(`line ${line}`);
        context.progress(line / 400);
        await clock.sleep(100);
      }
    };
    const saves = (): number => faults.calls.filter((verb) => verb === 'saveProgress').length;
    const jobs = ['job', 'b', 'c', 'd'].map((id) => ({ id, every: '1h' as const, run: chatty }));
    return { node: aNode(jobs, { clock, store: faults.store }), faults, saves };
  };

  it('are one a second, of all runs together', async () => {
    const { node, saves } = counting();
    await node.engine.start();
    await node.clock.advance(HOUR + 10_000);
    expect(saves()).toBeGreaterThan(8);
    expect(saves()).toBeLessThanOrEqual(12);
    expect((await logsIn(node.store)).length).toBeGreaterThanOrEqual(90);
  });

  it('and what is said while one is under way has the next one, although no progress was made', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const loggers: Logger[] = [];
    const saveProgress = store.saveProgress.bind(store);
    let saves = 0;
    store.saveProgress = (updates) => {
      if (++saves === 1) loggers[0]!.log('meanwhile');
      return saveProgress(updates);
    };
    const run = async ({ logger }: JobContext<unknown>): Promise<void> => {
      loggers.push(logger);
      logger.log('begins');
      await new Promise(() => {});
    };
    const node = aNode([{ every: '1h', run }], { clock, store });
    await node.engine.start();
    await clock.advance(HOUR + 5_000);
    expect(texts(await logsIn(store))).toEqual(['#1 LOG begins', '#1 LOG meanwhile']);
  });

  it('and nothing is lost when they fail, or their answer is', async () => {
    const { node, faults } = counting();
    await node.engine.start();
    await node.clock.advance(HOUR + 1_000);
    faults.fail('saveProgress', 'before', { times: 2 });
    await node.clock.advance(4_000);
    faults.fail('saveProgress', 'after', { times: 2 });
    await node.clock.advance(3_000);
    faults.fail('complete', 'after', { times: 1 });
    await node.clock.advance(60_000);
    const logs = texts(await logsIn(node.store));
    const kept = [...Array(100).keys(), ...Array.from({ length: 50 }, (_, index) => 350 + index)];
    expect(logs.filter((line) => line.startsWith('#1'))).toEqual(kept.map((line) => `#1 LOG line ${line}`));
  });
});
