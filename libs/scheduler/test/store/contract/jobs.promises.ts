import { describe, expect, it } from 'vitest';

import { JobConflictError, JobNotFoundError } from '../../../src/store/errors.js';
import type { JobStore } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, CAPABILITY, changed, FAR_FUTURE, HOUR, outcomeOf, PAST, plus, recordFor, SECOND } from '../builders.js';
import {
  added,
  claimed,
  executionOf,
  expectNothingChanged,
  registered,
  running,
  statusOf,
  waiting,
  type Fixture,
} from './fixture.js';

export function jobPromises(fixture: Fixture): void {
  describe('addJobs', () => {
    it('plans by the store’s clock and gives back the rows as they are', async () => {
      const { store } = fixture;
      const before = (await store.peek([], [])).now;
      let planned = PAST;
      const jobs = await store.addJobs((now) => {
        planned = now;
        return [aJob({ id: 'a', nextRunAt: plus(now, HOUR) }), aJob({ id: 'b' })];
      }, 'error');
      expect(planned.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(jobs).toMatchObject([
        { id: 'a', nextRunAt: plus(planned, HOUR) },
        { id: 'b', nextRunAt: PAST },
      ]);
      expect(await store.getJob('a')).toEqual(jobs[0]);
    });

    it('waits for a plan that takes its time, and gives the rows back in its order', async () => {
      const plan = async (): Promise<JobEntity[]> => {
        await new Promise(setImmediate);
        return Array.from({ length: 300 }, (_, n) => aJob({ id: `job-${300 - n}` }));
      };
      const rows = await fixture.store.addJobs(plan, 'error');
      expect(rows.map(({ id }) => id)).toEqual((await plan()).map(({ id }) => id));
    });

    it('gives data back as JSON does', async () => {
      const data = { at: PAST, gone: undefined, list: [1, undefined], nested: { text: 'é', none: null } };
      const [job] = await added(fixture.store, aJob({ data }));
      const expected = { at: PAST.toJSON(), list: [1, null], nested: { text: 'é', none: null } };
      expect(job!.data).toEqual(expected);
      expect((await fixture.store.getJob('report'))!.data).toEqual(expected);
    });

    it.each([null, 0, false, '', 'text', [], {}])('keeps %j as data', async (data) => {
      await added(fixture.store, aJob({ data }));
      expect((await fixture.store.getJob('report'))!.data).toEqual(data);
    });

    it('keeps every field of a row', async () => {
      const full = aJob({
        description: 'words',
        stateReason: 'why',
        stateBy: 'who',
        orphanedAt: PAST,
        lastInstant: PAST,
        misfireGraceMs: 1_500.5,
        retry: { maxAttempts: 3, backoff: { kind: 'exponential', delayMs: 10, jitter: false } },
        timeoutMs: 86_400_000 * 30,
        tags: ['a', 'with, comma', '"quoted"'],
        maxRuns: 4,
        pauseAfterFailures: 5,
        codeHash: 'h',
        overridden: ['retry'],
        tzVersion: '2026a',
        nextRunAt: FAR_FUTURE,
        wakeAt: plus(FAR_FUTURE, 7),
      });
      expect(await added(fixture.store, full)).toEqual([full]);
      expect(await fixture.store.getJob('report')).toEqual(full);
    });

    it('refuses an id that is taken, and then adds none of the others', async () => {
      await added(fixture.store, aJob({ id: 'taken' }));
      const jobs = [aJob({ id: 'free' }), aJob({ id: 'taken' })];
      await expect(fixture.store.addJobs(() => jobs, 'error')).rejects.toBeInstanceOf(JobConflictError);
      expect(await fixture.store.getJob('free')).toBeNull();
    });

    it('with keep gives the old row where there is one', async () => {
      const [old] = await added(fixture.store, aJob({ id: 'taken' }));
      const jobs = [aJob({ id: 'free' }), aJob({ id: 'taken', data: 'new' })];
      const rows = await fixture.store.addJobs(() => jobs, 'keep');
      expect(rows).toEqual([jobs[0], old]);
      expect(await fixture.store.getJob('taken')).toEqual(old);
    });

    it('with replace puts the new settings in, and it is still the same job with its own instants', async () => {
      const { store } = fixture;
      const { node, job: old, execution } = await running(store);
      const replacement = aJob({ data: 'new', priority: 3, createdAt: plus(PAST, HOUR), lastInstant: null });
      const [row] = await store.addJobs(() => [replacement], 'replace');
      expect(row).toMatchObject({ data: 'new', priority: 3, nextRunAt: PAST, runCount: 0 });
      expect(row).toMatchObject({ uid: old.uid, createdAt: old.createdAt, version: 2, lastInstant: old.lastInstant });
      expect(await store.getJob('report')).toEqual(row);
      const again = recordFor(row!, { scheduledAt: execution.scheduledAt });
      await store.changeJob('report', () => ({ set: {}, records: [{ ...again, status: 'skipped' }] }));
      expect(await store.getExecution(again.id)).toBeNull();
      expect((await store.beat(node.incarnation, SECOND)).mine).toHaveLength(1);
    });

    it('changes nothing when planning throws', async () => {
      await expectNothingChanged(fixture.store, () =>
        fixture.store.addJobs(() => {
          throw new Error('no plan');
        }, 'replace'),
      );
    });

    it('of the same id at once by two stores lets one of them win', async () => {
      const another = await fixture.another();
      const answers = await Promise.allSettled([added(fixture.store, aJob()), added(another, aJob())]);
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const refused = answers.find((answer) => answer.status === 'rejected');
      expect(refused?.reason).toBeInstanceOf(JobConflictError);
    });

    it('hands out copies: changing one changes nothing', async () => {
      const { store } = fixture;
      const job = aJob({ data: { to: ['ops'] } });
      const [row] = await added(store, job);
      (row!.data as { to: string[] }).to.push('all');
      (job.data as { to: string[] }).to.push('all');
      row!.nextRunAt!.setTime(0);
      job.tags.push('late');
      const fresh = await store.getJob('report');
      expect(fresh).toMatchObject({ data: { to: ['ops'] }, nextRunAt: PAST, tags: [] });
      (await store.getJobs({})).items[0]!.tags.push('late');
      expect(await store.getJob('report')).toEqual(fresh);
    });
  });

  describe('changeJob', () => {
    it('writes what it is told, counts the edit, and leaves the rest', async () => {
      const [job] = await added(fixture.store, aJob());
      const row = await fixture.store.changeJob('report', (given) => {
        expect(given).toEqual(job);
        return { set: { priority: given.priority + 1, description: 'changed', data: { n: 1 } } };
      });
      expect(row).toEqual(changed(job!, { priority: 1, description: 'changed', data: { n: 1 }, version: 2 }));
      expect(await fixture.store.getJob('report')).toEqual(row);
    });

    it('can set a field to null, and leaves a field that is undefined', async () => {
      const [job] = await added(fixture.store, aJob({ description: 'words', maxRuns: 3 }));
      const set = { description: null, maxRuns: undefined, nextRunAt: null, wakeAt: null };
      const row = await fixture.store.changeJob('report', () => ({ set }));
      expect(row).toEqual(changed(job!, { description: null, nextRunAt: null, wakeAt: null, version: 2 }));
    });

    it('changes nothing when told null, or when the change throws', async () => {
      const [job] = await added(fixture.store, aJob());
      expect(await fixture.store.changeJob('report', () => null)).toEqual(job);
      expect(await fixture.store.getJob('report')).toEqual(job);
      await expectNothingChanged(fixture.store, () =>
        fixture.store.changeJob('report', () => {
          throw new Error('no change');
        }),
      );
    });

    it('rejects for an id that does not exist', async () => {
      await expect(fixture.store.changeJob('nowhere', () => null)).rejects.toBeInstanceOf(JobNotFoundError);
    });

    it('records executions with the change, an instant that is recorded already left out', async () => {
      const { store } = fixture;
      const [job] = await added(store, aJob());
      const records = [0, SECOND].map((ms) => recordFor(job!, { status: 'missed', scheduledAt: plus(PAST, ms) }));
      await store.changeJob('report', () => ({ set: { nextRunAt: FAR_FUTURE, wakeAt: FAR_FUTURE }, records }));
      expect(await executionOf(store, records[1]!.id)).toMatchObject({ status: 'missed', jobId: 'report' });
      const again = records.map((record) => recordFor(job!, { scheduledAt: record.scheduledAt, status: 'skipped' }));
      await store.changeJob('report', () => ({ set: {}, records: again }));
      expect((await store.getExecutions({})).items).toHaveLength(2);
    });

    it('sees the row as the last change left it, whoever else changes it', async () => {
      const stores = [fixture.store, await fixture.another()];
      await added(fixture.store, aJob());
      const add = (n: number) => stores[n % 2]!.changeJob('report', (row) => ({ set: { priority: row.priority + 1 } }));
      await Promise.all([0, 1, 2, 3, 4, 5].map(add));
      expect(await fixture.store.getJob('report')).toMatchObject({ priority: 6, version: 7 });
    });
  });

  describe('a job that moves to other nodes', () => {
    const MOVED = 'reports.send@heavy';
    const moves: [string, (store: JobStore) => Promise<unknown>][] = [
      ['changeJob', (store) => store.changeJob('report', () => ({ set: { capability: MOVED } }))],
      ['addJobs', (store) => store.addJobs(() => [aJob({ capability: MOVED })], 'replace')],
      [
        'syncJobs',
        (store) =>
          store.syncJobs([{ id: 'report', hash: 'h1', definition: {} }], ({ existing }) => ({
            row: changed(existing!, { capability: MOVED }),
          })),
      ],
    ];
    it.each(moves)('by %s takes along what waits, and leaves the history', async (_, move) => {
      const { store } = fixture;
      const old = await registered(store);
      const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
      const waits = await waiting(store, job!, PAST);
      const skipped = recordFor(job!, { status: 'skipped' });
      await store.changeJob('report', () => ({ set: {}, records: [skipped] }));
      const [other] = await added(store, aJob({ id: 'other', nextRunAt: FAR_FUTURE }));
      const stays = await waiting(store, other!, PAST);
      await move(store);
      expect((await claimed(store, old)).map(({ id }) => id)).toEqual([stays]);
      const node = await registered(store, { capabilities: [MOVED] });
      expect((await claimed(store, node)).map(({ id }) => id)).toEqual([waits]);
      expect(await executionOf(store, skipped.id)).toMatchObject({ capability: CAPABILITY });
    });

    it.each(moves)('by %s takes along what runs, should it wait once more', async (_, move) => {
      const { store } = fixture;
      const { execution } = await running(store, { nextRunAt: PAST });
      await move(store);
      const outcome = outcomeOf(execution, { status: 'pending' });
      expect(await store.complete([outcome])).toEqual([{ kind: 'written', status: 'pending' }]);
      const node = await registered(store, { capabilities: [MOVED] });
      expect((await claimed(store, node)).map(({ id }) => id)).toEqual([execution.id]);
    });
  });

  describe('removeJob', () => {
    it('deletes the row and gives it back', async () => {
      const [job] = await added(fixture.store, aJob());
      expect(await fixture.store.removeJob('report')).toEqual(job);
      expect(await fixture.store.getJob('report')).toBeNull();
    });

    it('rejects for an id that does not exist', async () => {
      await expect(fixture.store.removeJob('nowhere')).rejects.toBeInstanceOf(JobNotFoundError);
    });

    it('cancels what waits, lets what runs end, and keeps the history', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store);
      const waits = await waiting(store, job);
      await store.removeJob(job.id);
      expect(await executionOf(store, waits)).toMatchObject({ status: 'cancelled', finishedAt: expect.any(Date) });
      expect(await executionOf(store, execution.id)).toMatchObject({ status: 'running', cancelRequestedAt: null });
      expect(await claimed(store, node)).toEqual([]);
      expect(await store.complete([outcomeOf(execution)])).toEqual([{ kind: 'written', status: 'succeeded' }]);
      expect(await statusOf(store, execution.id)).toBe('succeeded');
      expect((await store.getExecutions({ jobId: job.id })).items).toHaveLength(2);
    });

    it('frees the id', async () => {
      await added(fixture.store, aJob());
      await fixture.store.removeJob('report');
      await expect(added(fixture.store, aJob())).resolves.toHaveLength(1);
    });
  });
}
