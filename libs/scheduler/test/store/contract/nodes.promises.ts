import { describe, expect, it } from 'vitest';

import type { JobEntity } from '../../../src/store/job.entity.js';
import { aNode, aPass, claimAll, HOUR, outcomeOf, SECOND } from '../builders.js';
import { claimed, executionOf, registered, running, seen, type Fixture } from './fixture.js';

export function nodePromises(fixture: Fixture): void {
  const nodeSeen = async (incarnation: string) => {
    const { nodes } = await fixture.store.beat(aNode().incarnation, SECOND);
    return nodes.find((node) => node.incarnation === incarnation);
  };
  /** A node with a lease that is over, and what it ran. */
  const deadNode = async (job: Partial<JobEntity> = {}) => {
    const dead = await running(fixture.store, job, { leaseMs: 0 });
    await fixture.tick();
    return { ...dead, beat: (await nodeSeen(dead.node.incarnation))!.beat };
  };

  describe('a node', () => {
    it('is seen by the others from its registration on, with its lease running', async () => {
      const { incarnation } = await registered(fixture.store);
      expect(await nodeSeen(incarnation)).toMatchObject({ incarnation, leaseOver: false });
    });

    it('is alive when it beats, and every beat moves', async () => {
      const { incarnation } = await registered(fixture.store);
      const beats = new Set<string>();
      for (let n = 0; n < 3; n += 1) {
        expect(await fixture.store.beat(incarnation, HOUR)).toMatchObject({ alive: true });
        beats.add((await nodeSeen(incarnation))!.beat);
      }
      expect(beats.size).toBe(3);
    });

    it('is told the store’s clock', async () => {
      const before = (await fixture.store.peek([], [])).now;
      const { now } = await fixture.store.beat(aNode().incarnation, HOUR);
      expect(now.getTime()).toBeGreaterThanOrEqual(before.getTime());
    });

    it('that has no row is not alive, and a beat does not make one', async () => {
      const { incarnation } = aNode();
      expect(await fixture.store.beat(incarnation, HOUR)).toMatchObject({ alive: false, mine: [] });
      expect(await nodeSeen(incarnation)).toBeUndefined();
    });

    it('renews its lease with a beat, also when that was over', async () => {
      const { incarnation } = await registered(fixture.store, { leaseMs: 0 });
      await fixture.tick();
      expect(await nodeSeen(incarnation)).toMatchObject({ leaseOver: true });
      await fixture.store.beat(incarnation, HOUR);
      expect(await nodeSeen(incarnation)).toMatchObject({ leaseOver: false });
    });

    it('registers any number of times, which renews its lease', async () => {
      const node = await registered(fixture.store, { leaseMs: 0 });
      await fixture.tick();
      await fixture.store.registerNode({ ...node, leaseMs: HOUR });
      expect(await nodeSeen(node.incarnation)).toMatchObject({ leaseOver: false });
    });

    it('is told what it runs, and what of it shall stop, and why', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      const mine = { executionId: execution.id, leaseEpoch: 1, cancelRequested: false, cancelReason: null };
      expect((await store.beat(node.incarnation, HOUR)).mine).toEqual([mine]);
      await store.cancelExecution(execution.id, 'not needed');
      const asked = { ...mine, cancelRequested: true, cancelReason: 'not needed' };
      expect((await store.beat(node.incarnation, HOUR)).mine).toEqual([asked]);
      const stopping = [{ executionId: execution.id, reason: 'not needed' }];
      expect((await store.peek([], [], node.incarnation)).stopping).toEqual(stopping);
      expect((await store.beat((await registered(store)).incarnation, HOUR)).mine).toEqual([]);
    });

    it('that leaves is gone when it owns nothing', async () => {
      const { incarnation } = await registered(fixture.store);
      await fixture.store.retireNode(incarnation);
      expect(await nodeSeen(incarnation)).toBeUndefined();
      await fixture.store.retireNode(incarnation);
    });

    it('that leaves while it still owns something stays, its lease over, and others may take that at once', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await store.retireNode(node.incarnation);
      await fixture.tick();
      const left = (await nodeSeen(node.incarnation))!;
      expect(left).toMatchObject({ leaseOver: true });
      expect(await store.rescue(node.incarnation, left.beat)).toMatchObject([{ executionId: execution.id }]);
      expect(await nodeSeen(node.incarnation)).toBeUndefined();
    });

    it('that leaves while it still owns something is gone when it leaves again, with nothing', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await store.retireNode(node.incarnation);
      await store.complete([outcomeOf(execution)]);
      await store.retireNode(node.incarnation);
      expect(await nodeSeen(node.incarnation)).toBeUndefined();
    });
  });

  describe('rescue', () => {
    it('offers what a dead node ran again, under a new epoch, without spending an attempt', async () => {
      const { store } = fixture;
      const { node, job, execution, beat } = await deadNode();
      expect(await store.rescue(node.incarnation, beat)).toEqual([
        { executionId: execution.id, jobId: job.id, node: node.nodeName, status: 'pending', reason: null },
      ]);
      const row = await executionOf(store, execution.id);
      expect(row).toMatchObject({ status: 'pending', owner: null, finishedAt: null });
      expect(row).toMatchObject({ leaseEpoch: 2, attempt: 0, crashes: 1 });
      const other = await registered(store);
      expect((await seen(store, other)).jobs).toMatchObject([{ active: 1, pending: [{ isReoffered: true }] }]);
      expect(await claimed(store, other)).toMatchObject([{ id: execution.id, leaseEpoch: 3, attempt: 1 }]);
    });

    it('keeps the lost attempt in the history', async () => {
      const { node, execution, beat } = await deadNode();
      await fixture.store.rescue(node.incarnation, beat);
      const { attempts } = (await fixture.store.getExecution(execution.id))!;
      expect(attempts).toMatchObject([
        { attempt: 1, startedAt: execution.claimedAt, error: { name: 'NodeLostError' } },
      ]);
    });

    it('ends the node: it is not alive any more, and claims nothing', async () => {
      const { store } = fixture;
      const { node, beat } = await deadNode();
      await store.rescue(node.incarnation, beat);
      expect(await store.beat(node.incarnation, HOUR)).toMatchObject({ alive: false, mine: [] });
      await expect(store.pass(aPass(node), claimAll)).rejects.toThrow();
    });

    it('clears away a dead node that ran nothing', async () => {
      const { incarnation } = await registered(fixture.store, { leaseMs: 0 });
      await fixture.tick();
      const { beat } = (await nodeSeen(incarnation))!;
      expect(await fixture.store.rescue(incarnation, beat)).toEqual([]);
      expect(await nodeSeen(incarnation)).toBeUndefined();
    });

    it('does nothing when the node has moved since', async () => {
      const { store } = fixture;
      const { node, execution, beat } = await deadNode();
      await store.beat(node.incarnation, 0);
      await fixture.tick();
      expect(await nodeSeen(node.incarnation)).toMatchObject({ leaseOver: true });
      expect(await store.rescue(node.incarnation, beat)).toEqual([]);
      expect(await executionOf(store, execution.id)).toEqual(execution);
    });

    it('does nothing while the lease runs', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      const { beat } = (await nodeSeen(node.incarnation))!;
      expect(await store.rescue(node.incarnation, beat)).toEqual([]);
      expect(await executionOf(store, execution.id)).toEqual(execution);
    });

    it('does nothing for a node that has no row', async () => {
      expect(await fixture.store.rescue(aNode().incarnation, '1')).toEqual([]);
    });

    it.each([
      ['abandons what must not run twice', { onNodeLoss: 'abandon' } as const, 'abandoned'],
      ['offers again what may', { onNodeLoss: 'rerun' } as const, 'pending'],
    ])('%s', async (_, job, status) => {
      const { node, execution, beat } = await deadNode(job);
      expect(await fixture.store.rescue(node.incarnation, beat)).toMatchObject([{ status }]);
      const row = await executionOf(fixture.store, execution.id);
      expect(row).toMatchObject({ status, owner: null, leaseEpoch: 2, crashes: 1 });
      expect(row.finishedAt === null).toBe(status === 'pending');
      expect(row.reason).toBe(status === 'pending' ? null : "its node died while it ran (onNodeLoss: 'abandon')");
      expect(await fixture.store.getJob(execution.jobId)).toMatchObject({ stateReason: null });
    });

    it('cancels what was asked to stop', async () => {
      const { node, execution, beat } = await deadNode();
      await fixture.store.cancelExecution(execution.id, 'not needed');
      expect(await fixture.store.rescue(node.incarnation, beat)).toMatchObject([{ status: 'cancelled' }]);
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({ status: 'cancelled', owner: null });
    });

    it('cancels what a removed job still ran', async () => {
      const { node, job, execution, beat } = await deadNode();
      await fixture.store.removeJob(job.id);
      expect(await fixture.store.rescue(node.incarnation, beat)).toMatchObject([{ status: 'cancelled' }]);
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({ status: 'cancelled', owner: null });
    });

    it('gives up a run that has ended three nodes, and its job says so', async () => {
      const { store } = fixture;
      let dead = await deadNode();
      const statuses: string[] = [];
      for (let n = 0; n < 3; n += 1) {
        statuses.push(...(await store.rescue(dead.node.incarnation, dead.beat)).map(({ status }) => status));
        const node = await registered(store, { leaseMs: 0 });
        await claimed(store, node);
        await fixture.tick();
        dead = { ...dead, node, beat: (await nodeSeen(node.incarnation))!.beat };
      }
      expect(statuses).toEqual(['pending', 'pending', 'abandoned']);
      expect(await executionOf(store, dead.execution.id)).toMatchObject({
        status: 'abandoned',
        crashes: 3,
        owner: null,
        reason: 'it took down 3 processes',
      });
      const instant = `${dead.execution.scheduledAt.toISOString().slice(0, 19)}Z`;
      expect(await store.getJob(dead.job.id)).toMatchObject({
        state: dead.job.state,
        stateReason: `its run of ${instant} (execution ${dead.execution.id}) took down 3 processes and was abandoned`,
      });
    });
  });
}
