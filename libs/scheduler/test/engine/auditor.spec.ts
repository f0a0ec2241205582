import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import { JobStoreUnavailableError } from '../../src/store/errors.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import type { AuditReport } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { aNode as aRegistration } from '../store/builders.js';
import { aNode, ledger, type JobSpec, type TestEngine } from './support.js';
import { FaultyStore } from './faulty-store.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** After the first audit of a node that has just started, and after one more; the tests' random source is a constant. */
const FIRST = 4 * MINUTE;
const NEXT = 10 * MINUTE;

const NAMES = ['audit.repaired', 'job.orphaned', 'job.quarantined', 'scheduler.failure'] as const;

type Recorder = ReturnType<typeof recordEvents<SchedulerEvents>>;
interface Audited extends TestEngine {
  faults: FaultyStore;
  told: Recorder;
}

function audited(jobs: readonly JobSpec[], options: Parameters<typeof aNode>[1] = {}): Audited {
  const clock = options.clock ?? new ManualClock();
  const faults = new FaultyStore(options.store ?? new MemoryJobStore({ clock }));
  const node = aNode(jobs, { ...options, clock, store: faults.store });
  return { ...node, faults, told: recordEvents(node.engine.events, NAMES) };
}

const nothing = (): void => {};
const daily = (id = 'job'): JobSpec => ({ id, every: '1d', run: nothing });
const payloads = <E extends keyof SchedulerEvents>(recorder: Recorder, name: E): SchedulerEvents[E][] =>
  recorder.events.flatMap((event) => (event.name === name ? [event.payload as SchedulerEvents[E]] : []));
const kinds = ({ told }: Audited): (keyof SchedulerEvents)[] => told.names;

async function spoil({ store }: Audited, changes: Partial<JobEntity>, id = 'job'): Promise<JobEntity> {
  return store.changeJob(id, () => ({ set: changes }));
}

async function stop({ engine, clock }: TestEngine): Promise<void> {
  const stopped = engine.shutdown();
  await clock.advance(0);
  await stopped;
}

describe('The auditor', () => {
  it('repairs what it has seen twice, and nothing that it has seen once', async () => {
    const node = audited([daily()]);
    await node.engine.start();
    await spoil(node, { wakeAt: null });
    await node.clock.advance(FIRST);
    expect(await node.store.getJob('job')).toMatchObject({ wakeAt: null });
    await node.clock.advance(NEXT);
    expect(kinds(node)).toEqual(['audit.repaired']);
    const { wakeAt, nextRunAt } = (await node.store.getJob('job'))!;
    expect(wakeAt).toEqual(nextRunAt);
    await stop(node);
  });

  it('lets a lease period pass between the two', async () => {
    const node = audited([daily()], { leaseMs: 15 * MINUTE });
    await node.engine.start();
    await spoil(node, { wakeAt: null });
    await node.clock.advance(FIRST + NEXT);
    expect(kinds(node)).toEqual([]);
    await node.clock.advance(NEXT);
    expect(kinds(node)).toEqual(['audit.repaired']);
    await stop(node);
  });

  it('begins again with a row that was changed in between', async () => {
    const node = audited([daily()]);
    await node.engine.start();
    await spoil(node, { wakeAt: null });
    await node.clock.advance(FIRST);
    await spoil(node, { wakeAt: null, priority: 1 });
    await node.clock.advance(NEXT);
    expect(kinds(node)).toEqual([]);
    await node.clock.advance(NEXT);
    expect(kinds(node)).toEqual(['audit.repaired']);
    await stop(node);
  });

  it('looks seven times at most in an hour of idleness', async () => {
    const node = audited([daily()]);
    await node.engine.start();
    await node.clock.advance(HOUR);
    const count = node.faults.calls.filter((verb) => verb === 'audit' || verb === 'repair').length;
    expect(count).toBeGreaterThan(4);
    expect(count).toBeLessThanOrEqual(7);
    await stop(node);
  });

  it('on two nodes repairs once', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const nodes = [audited([daily()], { clock, store }), audited([daily()], { clock, store })] as const;
    for (const node of nodes) await node.engine.start();
    await spoil(nodes[0], { nextRunAt: null, wakeAt: null });
    await clock.advance(FIRST + NEXT + NEXT);
    expect([...kinds(nodes[0]), ...kinds(nodes[1])]).toEqual(['audit.repaired']);
    for (const node of nodes) await stop(node);
  });

  it('that fails is reported, changes nothing about the state, and tries again at its next time', async () => {
    const node = audited([{ run: nothing }]);
    await node.engine.start();
    node.faults.fail('audit', 'before', { times: Infinity });
    await node.clock.advance(FIRST + NEXT);
    expect(node.engine.state).toBe('running');
    expect(node.told.names).toEqual(['scheduler.failure', 'scheduler.failure']);
    expect(payloads(node.events, 'scheduler.state').map(({ to }) => to)).toEqual(['starting', 'running']);
    node.faults.heal();
    await spoil(node, { wakeAt: null });
    await node.clock.advance(NEXT + NEXT);
    expect(node.told.names).toContain('audit.repaired');
    await stop(node);
  });

  it.each<[string, () => Error, string[]]>([
    ['fails', () => new Error('broken'), ['audit.repaired', 'scheduler.failure']],
    ['is locked', () => new JobStoreUnavailableError('lock timeout', 'not-written'), ['audit.repaired']],
  ])('repairs the others when one repair %s, and that one the next time', async (_, error, told) => {
    const node = audited([daily('a'), daily('b')]);
    await node.engine.start();
    for (const id of ['a', 'b']) await spoil(node, { wakeAt: null }, id);
    await node.clock.advance(FIRST);
    node.faults.fail('changeJob', 'before', { error });
    await node.clock.advance(NEXT);
    expect(kinds(node)).toEqual(told);
    await node.clock.advance(NEXT);
    expect(payloads(node.told, 'audit.repaired').map(({ id }) => id)).toEqual(['b', 'a']);
    await stop(node);
  });

  it('tells once of what only a person can mend', async () => {
    const finding = { what: 'unknown-status', id: 'e1', epoch: 1, capability: 'job@default' } as const;
    const report: AuditReport = { findings: [finding], unannounced: [], outdated: [], next: null };
    const store = new MemoryJobStore({ clock: new ManualClock() });
    store.audit = async () => report;
    const node = audited([daily()], { store });
    await node.engine.start();
    await node.clock.advance(FIRST + 3 * NEXT);
    expect(payloads(node.told, 'audit.repaired')).toEqual([{ what: 'unknown-status', id: 'e1', now: null }]);
    await stop(node);
  });
});

describe('A job', () => {
  it('that lost its next run goes on with the first instant that was not decided, and loses none', async () => {
    const node = audited([{ every: '5m', run: nothing }]);
    await node.engine.start();
    await node.clock.advance(5 * MINUTE);
    await spoil(node, { nextRunAt: null, wakeAt: null });
    await node.clock.advance(20 * MINUTE);
    expect(payloads(node.told, 'audit.repaired')).toEqual([{ what: 'job-without-next-run', id: 'job', now: 'active' }]);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    expect(items.map(({ execution }) => execution).reverse()).toMatchObject([
      { status: 'succeeded', scheduledAt: new Date('2026-01-01T00:05:00Z') },
      { status: 'missed', scheduledAt: new Date('2026-01-01T00:10:00Z') },
      { status: 'missed', scheduledAt: new Date('2026-01-01T00:15:00Z') },
      { status: 'succeeded', scheduledAt: new Date('2026-01-01T00:20:00Z') },
      { status: 'succeeded', scheduledAt: new Date('2026-01-01T00:25:00Z') },
    ]);
    await stop(node);
  });

  it.each([HOUR, -HOUR])('that runs once, and lost its run before it was decided, runs: in %i ms', async (delayMs) => {
    const node = audited([daily()]);
    await node.engine.start();
    const schedule = { kind: 'delay' as const, delayMs };
    const draft = draftJob({ id: 'once', handler: 'job', schedule, data: null, source: 'dynamic', settings: [] });
    await node.store.addJobs((now) => [{ ...newJobRow(draft, now), nextRunAt: null, wakeAt: null }], 'error');
    await node.clock.advance(HOUR);
    expect((await ledger(node, 'once')).map(({ status }) => status)).toEqual(['succeeded']);
    await stop(node);
  });

  it('that was put to sleep for longer than until its next run is looked at', async () => {
    const node = audited([{ every: '1h', run: nothing }]);
    await node.engine.start();
    await spoil(node, { wakeAt: new Date('2100-01-01') });
    await node.clock.advance(HOUR);
    expect(await ledger(node)).toEqual([{ at: '01:00:00', status: 'succeeded' }]);
    await stop(node);
  });

  it.each<[string, Partial<JobEntity>, RegExp]>([
    ['whose next run nobody can compute', { nextRunAt: null, trigger: { kind: 'gibberish' } }, /resumeJob\("job"\)/],
    ['of a state that means nothing', { state: 'gibberish' as never }, /"gibberish", which means nothing/],
  ])('%s is quarantined with the reason', async (_, changes, reason) => {
    const node = audited([daily()]);
    await node.engine.start();
    await spoil(node, { ...changes, source: 'dynamic', codeHash: null });
    await node.clock.advance(FIRST + NEXT);
    expect(kinds(node)).toEqual(['audit.repaired', 'job.quarantined']);
    expect(await node.store.getJob('job')).toMatchObject({
      state: 'quarantined',
      stateReason: expect.stringMatching(reason),
    });
    await stop(node);
  });

  it('whose next run only other nodes can compute is left to them', async () => {
    const node = audited([daily()]);
    await node.engine.start();
    await node.store.registerNode(aRegistration({ definitions: { job: 'theirs' }, leaseMs: 24 * HOUR }));
    await node.store.syncJobs([{ id: 'job', hash: 'theirs', definition: {} }], ({ existing }) => ({
      row: { ...existing!, codeHash: 'theirs' },
    }));
    await spoil(node, { nextRunAt: null, wakeAt: null, trigger: { kind: 'their own' } });
    await node.clock.advance(FIRST + 2 * NEXT);
    expect(kinds(node)).toEqual([]);
    expect(await node.store.getJob('job')).toMatchObject({ state: 'active', nextRunAt: null });
    await stop(node);
  });

  it('that no live node has announced for a day is labelled orphaned, and not sooner; one that comes takes it off', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const producer = audited([daily('other')], { clock, store });
    const consumer = audited([daily()], { clock, store });
    await consumer.engine.start();
    await stop(consumer);
    await producer.engine.start();
    await clock.advance(24 * HOUR);
    expect(await store.getJob('job')).toMatchObject({ state: 'active', orphanedAt: null });
    await clock.advance(FIRST + NEXT);
    expect(payloads(producer.told, 'job.orphaned')).toMatchObject([
      { job: { id: 'job', orphanedAt: expect.any(Date) } },
    ]);
    expect(await store.getJob('job')).toMatchObject({ state: 'active', version: 1 });
    await consumer.engine.start();
    await clock.advance(NEXT);
    expect(await store.getJob('job')).toMatchObject({ orphanedAt: null });
    expect(producer.told.names).toEqual(['job.orphaned']);
    for (const node of [producer, consumer]) await stop(node);
  });

  it('that was announced in between is absent for less than a day', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const producer = audited([daily('other')], { clock, store });
    const consumer = audited([daily()], { clock, store });
    await consumer.engine.start();
    await stop(consumer);
    await producer.engine.start();
    await clock.advance(23 * HOUR);
    await consumer.engine.start();
    await clock.advance(NEXT + MINUTE);
    await stop(consumer);
    await clock.advance(23 * HOUR);
    expect(await store.getJob('job')).toMatchObject({ orphanedAt: null });
    await clock.advance(2 * HOUR);
    expect(await store.getJob('job')).toMatchObject({ orphanedAt: expect.any(Date) });
    await stop(producer);
  });
});
