import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { Finding, FindingKind, JobStore } from '../../../src/store/job-store.js';
import type { JobExecutionEntity } from '../../../src/store/job-execution.entity.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, aPass, decideAll, FAR_FUTURE, HOUR, outcomeOf, PAST, plus } from '../builders.js';
import { added, allRows, claimed, executionOf, registered, running, waiting } from './fixture.js';

export interface AuditFixture {
  readonly store: JobStore;
  /** Past every rule that keeps a store from holding such a row. */
  spoil(executionId: string, changes: Partial<JobExecutionEntity>): Promise<void>;
  spoilJob(jobId: string, changes: Partial<JobEntity>): Promise<void>;
  /** The row goes, and nothing else hears of it. */
  loseJob(jobId: string): Promise<void>;
}

type Execution = Partial<JobExecutionEntity>;
const NOT_YET = { nextRunAt: FAR_FUTURE };

/** What every store's audit finds and repairs. */
export function auditPromises(fixture: AuditFixture): void {
  const found = async (): Promise<Finding[]> => [...(await fixture.store.audit(null, null)).findings];
  const only = async (what: FindingKind): Promise<Finding> => {
    const findings = await found();
    expect(findings.map((each) => each.what)).toEqual([what]);
    return findings[0]!;
  };
  const pending = async (job: Partial<JobEntity> = NOT_YET): Promise<string> => {
    await registered(fixture.store);
    const [row] = await added(fixture.store, aJob({ ...NOT_YET, ...job }));
    return waiting(fixture.store, row!, PAST);
  };
  const ended = async (): Promise<string> => {
    const { execution } = await running(fixture.store);
    await fixture.store.complete([outcomeOf(execution)]);
    return execution.id;
  };

  describe('audit', () => {
    it('finds nothing wrong with what waits, runs, is retried, has ended, is paused or finished', async () => {
      const { store } = fixture;
      const { execution } = await running(store, { id: 'retried' });
      await store.complete([outcomeOf(execution, { status: 'pending', delayMs: HOUR })]);
      const node = await registered(store);
      await added(store, aJob({ id: 'runs' }), aJob({ id: 'ends' }), aJob({ id: 'far', ...NOT_YET }));
      const { recorded } = await store.pass(aPass(node), decideAll);
      await store.complete([outcomeOf(recorded.find(({ jobId }) => jobId === 'ends')!)]);
      const over = { nextRunAt: null, wakeAt: null };
      await added(store, aJob({ id: 'paused', state: 'paused' }), aJob({ id: 'over', state: 'finished', ...over }));
      await added(store, aJob({ id: 'backlog', wakeAt: plus(new Date(), 1_000) }));
      await waiting(store, aJob({ id: 'far', ...NOT_YET }), PAST);
      expect(await store.audit(null, null)).toEqual({ findings: [], unannounced: [], outdated: [], next: null });
    });

    it('writes nothing', async () => {
      await fixture.spoil(await pending(), { expiresAt: PAST });
      const before = await allRows(fixture.store);
      await only('pending-expired');
      expect(await allRows(fixture.store)).toEqual(before);
    });
  });

  describe('repair', () => {
    const stranger = { owner: randomUUID() };
    it.each<[string, Partial<JobEntity>, Execution, string]>([
      ['offers a run without an owner again', {}, { owner: null }, 'pending'],
      ['offers a run of a node that does not exist again', {}, stranger, 'pending'],
      ['gives it up where its job says so', { onNodeLoss: 'abandon' }, { owner: null }, 'abandoned'],
      ['gives up the one that had ended two nodes before', {}, { owner: null, crashes: 2 }, 'abandoned'],
      ['cancels the one that was asked to stop', {}, { owner: null, cancelRequestedAt: PAST }, 'cancelled'],
    ])('%s', async (_, job, changes, status) => {
      const { execution } = await running(fixture.store, job);
      await fixture.spoil(execution.id, changes);
      expect(await fixture.store.repair(await only('running-unowned'))).toBe(status);
      const row = await executionOf(fixture.store, execution.id);
      expect(row).toMatchObject({ status, owner: null, leaseEpoch: 2, crashes: (changes.crashes ?? 0) + 1 });
      expect(row.finishedAt === null).toBe(status === 'pending');
      expect(await found()).toEqual([]);
    });

    it('keeps the attempt that nobody ran to its end in the history, and fences its owner off', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await fixture.spoil(execution.id, stranger);
      await store.repair(await only('running-unowned'));
      expect((await store.getExecution(execution.id))!.attempts).toMatchObject([{ error: { name: 'NodeLostError' } }]);
      expect(await store.complete([outcomeOf(execution)])).toEqual([{ kind: 'fenced' }]);
      expect(await claimed(store, await registered(store))).toMatchObject([{ id: execution.id, leaseEpoch: 3 }]);
    });

    it('ends what never started in time as missed', async () => {
      const id = await pending();
      await fixture.spoil(id, { expiresAt: PAST });
      expect(await fixture.store.repair(await only('pending-expired'))).toBe('missed');
      const reason = 'it could not be started before its expires_at';
      expect(await executionOf(fixture.store, id)).toMatchObject({ reason, finishedAt: expect.any(Date) });
    });

    it('ends what had started and was not started again in time as failed', async () => {
      await fixture.spoil(await pending(), { expiresAt: PAST, startedAt: PAST, leaseEpoch: 1 });
      expect(await fixture.store.repair(await only('pending-expired'))).toBe('failed');
    });

    it('cancels what waits for a job that is gone', async () => {
      const id = await pending();
      await fixture.loseJob('report');
      expect(await fixture.store.repair(await only('pending-jobless'))).toBe('cancelled');
      expect(await executionOf(fixture.store, id)).toMatchObject({ reason: 'its job is gone' });
    });

    it.each<[string, Execution, FindingKind]>([
      ['what waits for a time that never comes', { availableAt: new Date('2500-01-01') }, 'pending-unreachable'],
      ['what waits where its job is not run', { capability: 'of@nobody' }, 'pending-elsewhere'],
      ['what waits with an owner', stranger, 'pending-owned'],
      ['what waits with an end', { finishedAt: PAST }, 'pending-owned'],
    ])('offers %s', async (_, changes, what) => {
      const id = await pending();
      await fixture.spoil(id, changes);
      expect(await fixture.store.repair(await only(what))).toBe('pending');
      expect(await found()).toEqual([]);
      expect(await claimed(fixture.store, await registered(fixture.store))).toMatchObject([{ id, finishedAt: null }]);
    });

    it.each<[string, Execution]>([
      ['takes what has ended from its owner', stranger],
      ['gives what has ended an end', { finishedAt: null }],
    ])('%s', async (_, changes) => {
      const id = await ended();
      await fixture.spoil(id, changes);
      expect(await fixture.store.repair(await only('ended-open'))).toBe('succeeded');
      expect(await executionOf(fixture.store, id)).toMatchObject({ owner: null, finishedAt: expect.any(Date) });
    });

    it('leaves a status that means nothing to a person', async () => {
      const id = await ended();
      const status = 'gibberish' as never;
      await fixture.spoil(id, { status });
      expect(await fixture.store.repair(await only('unknown-status'))).toBeNull();
      expect(await executionOf(fixture.store, id)).toMatchObject({ status });
    });

    it('leaves a row that was claimed since, one that is in another state, and one that is right again', async () => {
      const { store } = fixture;
      const id = await pending();
      await fixture.spoil(id, { expiresAt: PAST });
      const finding = await only('pending-expired');
      expect(await store.repair({ ...finding, what: 'pending-owned' })).toBeNull();
      await fixture.spoil(id, { leaseEpoch: 1 });
      expect(await store.repair(finding)).toBeNull();
      await fixture.spoil(id, { leaseEpoch: 0, expiresAt: null });
      expect(await store.repair(finding)).toBeNull();
      expect(await executionOf(store, id)).toMatchObject({ status: 'pending' });
    });
  });

  describe('the audit of jobs', () => {
    it.each<[string, Partial<JobEntity>, FindingKind]>([
      ['without a next run', { nextRunAt: null }, 'job-without-next-run'],
      ['that nobody will ever look at', { wakeAt: null }, 'job-asleep'],
      ['that is looked at long after it is due', { nextRunAt: PAST, wakeAt: FAR_FUTURE }, 'job-asleep'],
      ['of a state that means nothing', { state: 'gibberish' as never }, 'job-of-unknown-state'],
    ])('finds one %s, and leaves its repair to the engine', async (_, changes, what) => {
      const { store } = fixture;
      await registered(store);
      await added(store, aJob());
      await fixture.spoilJob('report', changes);
      const finding = await only(what);
      expect(finding).toMatchObject({ id: 'report', epoch: (await store.getJob('report'))!.version });
      expect(await store.repair(finding)).toBeNull();
      expect(await found()).toEqual([finding]);
    });

    it('tells which ones by the wall clock are more than a day away and were computed with older zone data', async () => {
      const { store } = fixture;
      await registered(store);
      const cron = { kind: 'within', trigger: { kind: 'cron', expression: '0 9 1 * *', timeZone: 'Europe/Paris' } };
      const old = { tzVersion: '2025c', trigger: cron, nextRunAt: FAR_FUTURE, wakeAt: FAR_FUTURE };
      const soon = plus((await store.peek([], [])).now, 23 * HOUR);
      const rows: Partial<JobEntity>[] = [
        { id: 'old', ...old },
        { id: 'older', ...old, tzVersion: '2024b' },
        { id: 'new', ...old, tzVersion: '2026a' },
        { id: 'unknown', ...old, tzVersion: null },
        { id: 'soon', ...old, nextRunAt: soon, wakeAt: soon },
        { id: 'paused', ...old, state: 'paused' },
        { id: 'interval', ...old, trigger: { kind: 'every', every: '30d' } },
      ];
      for (const row of rows) await added(store, aJob(row));
      const outdated = async (tzVersion: string | null) => (await store.audit(null, tzVersion)).outdated;
      expect(await outdated('2026a')).toEqual(['old', 'older']);
      expect(await outdated('2025a')).toEqual(['older']);
      expect(await outdated('2024b')).toEqual([]);
      expect(await outdated(null)).toEqual([]);
    });

    it('labels one that no live node announces, and takes the label off when one does', async () => {
      const { store } = fixture;
      await registered(store, { leaseMs: -HOUR });
      const [job] = await added(store, aJob(NOT_YET));
      const { findings, unannounced } = await store.audit(null, null);
      expect([findings.map(({ what }) => what), unannounced]).toEqual([['job-orphaned'], [job!.capability]]);
      expect(await store.repair(findings[0]!)).toBe('active');
      expect(await store.getJob('report')).toMatchObject({ orphanedAt: expect.any(Date), version: job!.version });
      expect(await store.audit(null, null)).toMatchObject({ findings: [], unannounced: [job!.capability] });
      await registered(store);
      expect(await store.repair(await only('job-announced'))).toBe('active');
      expect(await store.getJob('report')).toEqual(job);
    });

    it('labels none that a node has announced meanwhile, and none that is edited', async () => {
      const { store } = fixture;
      const [job] = await added(store, aJob(NOT_YET));
      const finding = await only('job-orphaned');
      expect(await store.repair({ ...finding, epoch: job!.version + 1 })).toBeNull();
      await registered(store);
      expect(await store.repair(finding)).toBeNull();
      expect(await store.getJob('report')).toEqual(job);
    });
  });
}
