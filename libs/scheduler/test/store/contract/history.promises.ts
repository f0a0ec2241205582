import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { JobNotFoundError } from '../../../src/store/errors.js';
import type { ExecutionFilter, JobFilter, OutcomeRecord, Page } from '../../../src/store/job-store.js';
import { aJob, FAR_FUTURE, HOUR, outcomeOf, PAST, plus, recordFor, SECOND } from '../builders.js';
import { added, registered, running, waiting, type Fixture } from './fixture.js';

const FOREVER_MS = 100 * 365 * 24 * HOUR;

async function allPages<T>(fetch: (cursor?: string) => Promise<Page<T>>, between = async () => {}): Promise<T[][]> {
  const pages: T[][] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await fetch(cursor);
    pages.push(page.items);
    cursor = page.nextCursor ?? undefined;
    await between();
  } while (cursor);
  return pages;
}

export function historyPromises(fixture: Fixture): void {
  const jobIds = async (filter: JobFilter) => (await fixture.store.getJobs(filter)).items.map(({ id }) => id).sort();
  const executionIds = async (filter: ExecutionFilter) =>
    (await fixture.store.getExecutions(filter)).items.map(({ execution }) => execution.id);
  /** Records of one job, a second apart, oldest first. */
  const recorded = async (count: number, id = 'report') => {
    const [job] = await added(fixture.store, aJob({ id, nextRunAt: FAR_FUTURE }));
    const records = Array.from({ length: count }, (_, n) =>
      recordFor(job!, { scheduledAt: plus(PAST, n * SECOND), status: 'skipped' }),
    );
    await fixture.store.changeJob(id, () => ({ set: {}, records }));
    return records.map((record) => record.id);
  };

  describe('getJobs', () => {
    it('gives every job once, page by page, though jobs are added meanwhile', async () => {
      const ids = Array.from({ length: 7 }, (_, n) => `job-${n + 1}`);
      await added(fixture.store, ...ids.map((id) => aJob({ id })).reverse());
      let extra = 0;
      const pages = await allPages(
        (cursor) => fixture.store.getJobs({ limit: 3, cursor }),
        async () => void (await added(fixture.store, aJob({ id: `job-0-${extra++}` }))),
      );
      expect(pages.map((page) => page.map(({ id }) => id))).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
    });

    it('says that a page is the last, also when it is full', async () => {
      await added(fixture.store, aJob({ id: 'a' }), aJob({ id: 'b' }));
      expect(await fixture.store.getJobs({ limit: 2 })).toMatchObject({ nextCursor: null });
      expect(await fixture.store.getJobs({ state: 'paused' })).toEqual({ items: [], nextCursor: null });
    });

    it('gives 100 unless told otherwise, and never more than 1,000', async () => {
      await added(fixture.store, ...Array.from({ length: 1_001 }, (_, n) => aJob({ id: `job-${n}` })));
      expect((await fixture.store.getJobs({})).items).toHaveLength(100);
      expect((await fixture.store.getJobs({ limit: 5_000 })).items).toHaveLength(1_000);
    });

    it.each<[string, JobFilter, string[]]>([
      ['state', { state: 'paused' }, ['b']],
      ['the label orphaned', { orphaned: true }, ['d']],
      ['no such label', { orphaned: false, tag: 'daily' }, ['a', 'b']],
      ['tag', { tag: 'daily' }, ['a', 'b']],
      ['handler', { handler: 'mail.send' }, ['c_x']],
      ['the handler of a declared job', { handler: 'declared' }, ['d']],
      ['a part of the id', { search: 'c_' }, ['c_x']],
      ['a part of the description, in any case', { search: 'MONTH' }, ['b']],
      ['text that is taken literally', { search: '%' }, []],
      ['several at once', { tag: 'daily', state: 'active' }, ['a']],
      ['a tag that is only part of one', { tag: 'dai' }, []],
    ])('filters by %s', async (_, filter, expected) => {
      await added(
        fixture.store,
        aJob({ id: 'a', tags: ['daily', 'finance'] }),
        aJob({ id: 'b', tags: ['daily'], state: 'paused', description: 'The monthly one' }),
        aJob({ id: 'c_x', handler: 'mail.send' }),
        aJob({ id: 'cyx' }),
        aJob({ id: 'd', handler: 'job:declared', source: 'code', orphanedAt: PAST }),
      );
      expect(await jobIds(filter)).toEqual(expected);
    });

    it('gives null for one job that does not exist', async () => {
      expect(await fixture.store.getJob('nowhere')).toBeNull();
    });
  });

  describe('getExecutions', () => {
    it('gives every execution once, latest instant first, though new ones come meanwhile', async () => {
      const ids = await recorded(7);
      let extra = 0;
      const pages = await allPages(
        (cursor) => fixture.store.getExecutions({ limit: 3, cursor }),
        async () => void (await recorded(8, `other-${extra++}`)),
      );
      const newest = [...ids].reverse();
      const mine = pages.flat().filter(({ execution }) => execution.jobId === 'report');
      expect(pages[0]!.map(({ execution }) => execution.id)).toEqual(newest.slice(0, 3));
      expect(mine.map(({ execution }) => execution.id)).toEqual(newest);
    });

    it('loses none of those that are for one instant', async () => {
      for (const id of ['a', 'b', 'c', 'd', 'e']) await recorded(1, id);
      const pages = await allPages((cursor) => fixture.store.getExecutions({ limit: 2, cursor }));
      expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
      expect(new Set(pages.flat().map(({ execution }) => execution.id)).size).toBe(5);
    });

    it('filters by job, status and scheduled instant, from the first on and before the last', async () => {
      const { store } = fixture;
      const ids = await recorded(4);
      const { execution } = await running(store, { id: 'other', nextRunAt: plus(PAST, HOUR) });
      expect(await executionIds({ jobId: 'other' })).toEqual([execution.id]);
      expect(await executionIds({ status: 'running' })).toEqual([execution.id]);
      expect(await executionIds({ from: plus(PAST, SECOND), to: plus(PAST, 3 * SECOND) })).toEqual([ids[2], ids[1]]);
      expect(await executionIds({ jobId: 'report', status: 'skipped', from: plus(PAST, 3 * SECOND) })).toEqual([
        ids[3],
      ]);
    });

    it('gives the attempts with each', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending' })]);
      const one = await store.getExecution(execution.id);
      expect(one!.attempts).toHaveLength(1);
      expect((await store.getExecutions({})).items).toEqual([one]);
    });

    it('gives null for one execution that does not exist', async () => {
      expect(await fixture.store.getExecution(randomUUID())).toBeNull();
    });
  });

  it.each(['garbage', Buffer.from('[1]').toString('base64url'), ''])('a page refuses the cursor %j', async (cursor) => {
    await expect(fixture.store.getJobs({ cursor })).rejects.toBeInstanceOf(RangeError);
    await expect(fixture.store.getExecutions({ cursor })).rejects.toBeInstanceOf(RangeError);
  });

  it.each([
    ['2', randomUUID()],
    [PAST.toISOString(), '-'.repeat(36)],
    ['\u0000', 'a'],
  ])('a page of executions refuses the parts %j', async (...parts) => {
    const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url');
    await expect(fixture.store.getExecutions({ cursor })).rejects.toBeInstanceOf(RangeError);
  });

  it('U+0000 matches nothing', async () => {
    const { store } = fixture;
    const nothing = { items: [], nextCursor: null };
    await added(store, aJob());
    expect(await store.getJob('a\u0000')).toBeNull();
    for (const filter of [{ tag: '\u0000' }, { search: '\u0000' }, { handler: '\u0000' }])
      expect(await store.getJobs(filter)).toEqual(nothing);
    expect(await store.getExecutions({ jobId: '\u0000' })).toEqual(nothing);
    expect(await store.getExecution('\u0000')).toBeNull();
    await expect(store.removeJob('\u0000')).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('a page of executions refuses the cursor of a page of jobs', async () => {
    await added(fixture.store, aJob({ id: 'a' }), aJob({ id: 'b' }));
    const { nextCursor } = await fixture.store.getJobs({ limit: 1 });
    await expect(fixture.store.getExecutions({ cursor: nextCursor! })).rejects.toBeInstanceOf(RangeError);
  });

  describe('prune', () => {
    const ended = async (id: string, status: OutcomeRecord['status']) => {
      const { execution } = await running(fixture.store, { id, maxInstances: 9 });
      await fixture.store.complete([outcomeOf(execution, { status })]);
      return execution.id;
    };

    it('deletes what succeeded and what did not after their own times', async () => {
      const succeeded = await ended('a', 'succeeded');
      const failed = await ended('b', 'failed');
      const cancelled = await ended('c', 'cancelled');
      await fixture.tick();
      expect(await fixture.store.prune({ succeededMs: FOREVER_MS, otherMs: FOREVER_MS })).toBe(0);
      expect(await fixture.store.prune({ succeededMs: 0, otherMs: FOREVER_MS })).toBe(1);
      expect((await executionIds({})).sort()).toEqual([failed, cancelled].sort());
      expect(await fixture.store.getExecution(succeeded)).toBeNull();
      expect(await fixture.store.prune({ succeededMs: FOREVER_MS, otherMs: 0 })).toBe(2);
      expect(await executionIds({})).toEqual([]);
    });

    it('deletes the attempts with their execution', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.complete([outcomeOf(execution, { status: 'pending' })]);
      await store.cancelExecution(execution.id, null);
      await fixture.tick();
      await store.prune({ succeededMs: 0, otherMs: 0 });
      expect(await store.getExecution(execution.id)).toBeNull();
    });

    it('keeps what runs and what waits, however old its instant', async () => {
      const { store } = fixture;
      const { job, execution } = await running(store);
      const waits = await waiting(store, job, plus(PAST, -HOUR));
      await fixture.tick();
      expect(await store.prune({ succeededMs: 0, otherMs: 0 })).toBe(0);
      expect((await executionIds({})).sort()).toEqual([execution.id, waits].sort());
    });

    it('deletes run-time jobs that have finished, and frees their ids; declared ones stay', async () => {
      const { store } = fixture;
      await added(
        store,
        aJob({ id: 'finished', state: 'finished', nextRunAt: null }),
        aJob({ id: 'declared', state: 'finished', source: 'code' }),
        aJob({ id: 'just-now', state: 'finished', stateAt: FAR_FUTURE }),
        aJob({ id: 'active', nextRunAt: null }),
        aJob({ id: 'paused', state: 'paused' }),
      );
      expect(await store.prune({ succeededMs: SECOND, otherMs: SECOND })).toBe(1);
      expect(await jobIds({})).toEqual(['active', 'declared', 'just-now', 'paused']);
      await expect(added(store, aJob({ id: 'finished' }))).resolves.toHaveLength(1);
    });

    /** A node that announces that version of the declared job, and brings it in. */
    const nodeWith = async (hash: string) => {
      const node = await registered(fixture.store, { definitions: { report: hash } });
      await fixture.store.syncJobs([{ id: 'report', hash, definition: { hash } }], ({ existing, now }) => ({
        row: aJob({ ...existing, source: 'code', codeHash: hash, nextRunAt: plus(now, HOUR) }),
      }));
      await fixture.tick();
      return node;
    };

    it('forgets old versions that no live node has, and keeps the one in force', async () => {
      const { store } = fixture;
      const old = await nodeWith('old');
      const fresh = await nodeWith('new');
      const later = { succeededMs: FOREVER_MS, otherMs: FOREVER_MS };
      const now = { succeededMs: FOREVER_MS, otherMs: 0 };
      expect(await store.prune(now)).toBe(0);
      await store.retireNode(old.incarnation);
      await store.retireNode(fresh.incarnation);
      await fixture.tick();
      expect(await store.prune(later)).toBe(0);
      expect(await store.prune(now)).toBe(1);
      expect(await store.prune(now)).toBe(0);
    });

    it('forgets the versions of a job that is gone, unless a live node has them', async () => {
      const { store } = fixture;
      const old = await nodeWith('old');
      const fresh = await nodeWith('new');
      await store.removeJob('report');
      await store.retireNode(old.incarnation);
      await fixture.tick();
      const later = { succeededMs: FOREVER_MS, otherMs: FOREVER_MS };
      expect(await store.prune(later)).toBe(1);
      await store.retireNode(fresh.incarnation);
      await fixture.tick();
      expect(await store.prune(later)).toBe(1);
    });

    it('keeps a finished job while something of it waits', async () => {
      const { store } = fixture;
      const [job] = await added(store, aJob({ state: 'finished' }));
      await waiting(store, job!);
      await store.prune({ succeededMs: SECOND, otherMs: SECOND });
      expect(await store.getJob('report')).not.toBeNull();
    });
  });
}
