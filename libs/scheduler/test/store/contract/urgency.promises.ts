import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, aPass, CAPABILITY, decideAll, FAR_FUTURE, plus, recordFor, SECOND } from '../builders.js';
import { added, idsOf, registered, seen, type Fixture } from './fixture.js';

const MINUTE = 60 * SECOND;
const OTHER = 'mails.send@default';

/** What starts first when there is more than slots. */
export function urgencyPromises(fixture: Fixture): void {
  /** Due so long ago. */
  async function due(agoMs: number, priority: number, overrides: Partial<JobEntity> = {}): Promise<JobEntity> {
    const { now } = await fixture.store.peek([], []);
    const id = `${priority} for ${agoMs / SECOND} s`;
    return aJob({ id, priority, nextRunAt: plus(now, -agoMs), ...overrides });
  }

  describe('the most urgent of what is due', () => {
    it('is what has waited longest, where each level of priority is worth a minute, and at most an hour', async () => {
      const { store } = fixture;
      const node = await registered(store, { capabilities: [CAPABILITY, OTHER] });
      const jobs = [
        await due(1 * SECOND, 100_000, { capability: OTHER }),
        await due(31 * MINUTE, 30),
        await due(59 * MINUTE, 0),
        await due(62 * SECOND, -1, { capability: OTHER }),
        await due(1 * SECOND, 0),
        await due(62 * MINUTE, 0, { capability: OTHER }),
        await due(1 * SECOND, -100_000),
      ];
      await added(store, ...jobs);
      const first = async (limit: number) => idsOf(await seen(store, node, { limit })).sort();
      const order = [
        '0 for 3720 s',
        '30 for 1860 s',
        '100000 for 1 s',
        '0 for 3540 s',
        '-1 for 62 s',
        '0 for 1 s',
        '-100000 for 1 s',
      ];
      for (const limit of [1, 2, 3, 4, 5, 6, 7]) expect(await first(limit)).toEqual(order.slice(0, limit).sort());
    });

    it('is found in front of a backlog of its own handler, by the node that comes first, and the next by the second', async () => {
      const { store } = fixture;
      const { now } = await store.peek([], []);
      const since = (id: string, agoMs: number, priority = 0): JobEntity =>
        aJob({ id, priority, nextRunAt: plus(now, -agoMs) });
      const backlog = Array.from({ length: 400 }, (_, n) => since(`backlog ${n}`, 30 * SECOND + n));
      await added(store, ...backlog, since('second', 1 * SECOND, 2), since('first', 1 * SECOND, 3));
      const order: string[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        const node = await registered(await (turn % 2 === 0 ? store : fixture.another()));
        const { recorded } = await store.pass(aPass(node, { limit: 1 }), decideAll);
        order.push(...recorded.map(({ jobId }) => jobId));
      }
      expect(order).toEqual(['first', 'second', 'backlog 399']);
    });

    it('hides nothing that is due, however many priorities there are', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const jobs = await Promise.all(Array.from({ length: 50 }, (_, n) => due(SECOND, 10_000 - n, { id: `job ${n}` })));
      await added(store, ...jobs);
      expect(idsOf(await seen(store, node))).toHaveLength(50);
      expect(idsOf(await seen(store, node, { limit: 49 }))).toHaveLength(49);
    });
  });

  describe('the most urgent of what waits', () => {
    /** A job that is not due, and a run by hand that waits since now. */
    async function asked(priority: number, id = `asked ${priority}`): Promise<void> {
      const { store } = fixture;
      await added(store, aJob({ id, priority, nextRunAt: FAR_FUTURE, capability: OTHER }));
      await store.addManualExecution(id, { id: randomUUID(), data: null, reason: null });
    }

    it('is in front of a queue of the same handler', async () => {
      const { store } = fixture;
      const node = await registered(store, { capabilities: [OTHER] });
      const backlog = Array.from({ length: 150 }, (_, n) =>
        aJob({ id: `backlog ${n}`, nextRunAt: FAR_FUTURE, capability: OTHER }),
      );
      await added(store, ...backlog);
      for (const job of backlog) {
        const record = recordFor(job, { status: 'pending', scheduledAt: new Date(0) });
        await store.changeJob(job.id, () => ({ set: {}, records: [record] }));
      }
      await fixture.tick();
      await asked(1);
      await asked(2);
      expect(idsOf(await seen(store, node, { limit: 1 }))).toEqual(['asked 2']);
      expect(idsOf(await seen(store, node, { limit: 2 })).sort()).toEqual(['asked 1', 'asked 2']);
    });

    it('says since when, with its head start', async () => {
      const { store } = fixture;
      const node = await registered(store, { capabilities: [OTHER] });
      for (const priority of [0, 5, -1_000]) await asked(priority);
      const { jobs } = await seen(store, node);
      for (const { job, pending } of jobs) {
        const { availableAt } = (await store.getExecution(pending[0]!.id))!.execution;
        const levels = Math.max(-60, job.priority);
        expect(pending[0]!.urgentSince).toEqual(plus(availableAt, -levels * MINUTE));
      }
    });

    it('is found, however many priorities there are', async () => {
      const { store } = fixture;
      const node = await registered(store, { capabilities: [OTHER] });
      for (let n = 0; n < 30; n += 1) await asked(n * 1_000, `asked ${n}`);
      expect(idsOf(await seen(store, node))).toHaveLength(30);
    });
  });
}
