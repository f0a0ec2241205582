import { describe, expect, it } from 'vitest';

import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, CAPABILITY, FAR_FUTURE, HOUR, PAST, plus, SECOND } from '../builders.js';
import { added, registered, running, waiting, type Fixture } from './fixture.js';

export function surroundingsPromises(fixture: Fixture): void {
  describe('live nodes', () => {
    it('are told with what they can run and what they declare, by name; those whose lease is over are not', async () => {
      const { store } = fixture;
      expect(await store.liveNodes()).toEqual([]);
      const b = await registered(store, { nodeName: 'b', definitions: { report: 'h1', other: 'h2' } });
      const a = await registered(store, { nodeName: 'a', capabilities: [] });
      await registered(store, { nodeName: 'dead', leaseMs: 0 });
      await fixture.tick();
      const nodes = await store.liveNodes();
      expect(nodes.map(({ declares, ...node }) => ({ ...node, declares: [...declares].sort() }))).toEqual([
        { incarnation: a.incarnation, nodeName: 'a', capabilities: [], declares: [] },
        { incarnation: b.incarnation, nodeName: 'b', capabilities: [CAPABILITY], declares: ['other', 'report'] },
      ]);
    });
  });

  describe('what is active of a job', () => {
    it('is nothing of one that has never run', async () => {
      const { store } = fixture;
      const [job] = await added(store, aJob());
      const before = (await store.peek([], [])).now;
      const { now, ...rest } = await store.activeExecutions(job!.uid);
      expect(now.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(rest).toEqual({ executions: [], active: 0, queued: 0, backfilled: 0 });
    });

    it('is told in the order of passes, and counted; what has ended and what is another job’s is not', async () => {
      const { store } = fixture;
      const { job, execution } = await running(store);
      const later = await waiting(store, job, plus(PAST, 2 * SECOND));
      const batchId = '00000000-0000-4000-8000-000000000001';
      await store.addBackfill(job.id, { batchId, reason: null, plan: () => [PAST, plus(PAST, SECOND)] });
      const { id: manual } = await store.addManualExecution(job.id, {
        id: '00000000-0000-4000-8000-000000000002',
        data: null,
        reason: null,
      });
      await added(store, aJob({ id: 'other' }));
      await store.addManualExecution('other', { id: '00000000-0000-4000-8000-000000000003', data: null, reason: null });
      await store.cancelExecution(later, null);
      const { executions, active, queued, backfilled } = await store.activeExecutions(job.uid);
      expect({ active, queued, backfilled }).toEqual({ active: 1, queued: 1, backfilled: 2 });
      expect(executions.slice(0, 2).map(({ id }) => id)).toEqual([execution.id, manual]);
      expect(executions.slice(2).map(({ kind }) => kind)).toEqual(['backfill', 'backfill']);
    });

    it('is shown in part where it is much, and counted all the same', async () => {
      const { store } = fixture;
      const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
      const instants = Array.from({ length: 150 }, (_, n) => plus(PAST, n * SECOND));
      const batchId = '00000000-0000-4000-8000-000000000001';
      await store.addBackfill(job!.id, { batchId, reason: null, plan: () => instants });
      const { executions, backfilled } = await store.activeExecutions(job!.uid);
      expect([executions.length, backfilled]).toEqual([100, 150]);
    });
  });

  describe('jobs that were added at run time', () => {
    const all = async (): Promise<JobEntity[][]> => {
      const pages: JobEntity[][] = [];
      await fixture.store.runTimeJobs((page) => void pages.push(page));
      return pages;
    };

    it('are none of what code declares', async () => {
      const [job] = await added(fixture.store, aJob({ id: 'a' }), aJob({ id: 'b', source: 'code', codeHash: 'h' }));
      expect(await all()).toEqual([[job]]);
    });

    it('come page by page, each once, as they were when the first page came', async () => {
      const { store } = fixture;
      const jobs = Array.from({ length: 1_100 }, (_, n) => aJob({ id: `job-${String(n).padStart(4, '0')}` }));
      await added(store, ...jobs);
      const another = await fixture.another();
      const pages: JobEntity[][] = [];
      await store.runTimeJobs(async (page) => {
        pages.push(page);
        if (pages.length > 1) return;
        await another.removeJob('job-1099');
        await another.changeJob('job-1098', () => ({ set: { priority: 9, nextRunAt: plus(PAST, HOUR) } }));
        await another.addJobs(() => [aJob({ id: 'job-1050-b' })], 'error');
      });
      expect(pages.map((page) => page.length)).toEqual([500, 500, 100]);
      expect(pages.flat()).toEqual(jobs);
    });

    it('are given up when they are not wanted any more, and the store goes on', async () => {
      await added(fixture.store, aJob());
      const stop = fixture.store.runTimeJobs(() => {
        throw new Error('enough');
      });
      await expect(stop).rejects.toThrow('enough');
      expect(await all()).toHaveLength(1);
    });
  });
}
