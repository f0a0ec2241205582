import { describe, expect, it } from 'vitest';

import type { OutcomeRecord } from '../../../src/store/job-store.js';
import { aPass, claimAll, decisions, HOUR, outcomeOf, SECOND, aNode, FAR_FUTURE, aJob } from '../builders.js';
import { added, claimed, executionOf, running, seen, statusOf, waiting, registered, type Fixture } from './fixture.js';

const BOOM = { name: 'Error', message: 'boom', stack: 'at report.ts' };

export function outcomePromises(fixture: Fixture): void {
  const complete = async (outcome: OutcomeRecord) => (await fixture.store.complete([outcome]))[0];

  describe('complete', () => {
    it.each(['succeeded', 'failed', 'timed-out', 'cancelled', 'abandoned'] as const)(
      'ends an execution as %s',
      async (status) => {
        const { node, execution } = await running(fixture.store);
        const ended = outcomeOf(execution, { status, reason: 'because', error: BOOM, result: '{"sent":3}' });
        const reason = status === 'cancelled' ? { reason: 'because' } : {};
        expect(await complete(ended)).toEqual({ kind: 'written', status, ...reason });
        const row = await executionOf(fixture.store, execution.id);
        expect(row).toMatchObject({ status, owner: null, reason: 'because', error: BOOM, result: { sent: 3 } });
        expect(row).toMatchObject({ durationMs: 12, leaseEpoch: 1, attempt: 1, nodeName: node.nodeName });
        expect(row.finishedAt!.getTime()).toBeGreaterThanOrEqual(row.startedAt!.getTime());
        expect((await fixture.store.beat(node.incarnation, SECOND)).mine).toEqual([]);
      },
    );

    it('says written again when it is repeated, and changes nothing the second time', async () => {
      const { execution } = await running(fixture.store);
      expect(await complete(outcomeOf(execution))).toEqual({ kind: 'written', status: 'succeeded' });
      const before = await executionOf(fixture.store, execution.id);
      const again = outcomeOf(execution, { durationMs: 99 });
      expect(await complete(again)).toEqual({ kind: 'written', status: 'succeeded' });
      expect(await executionOf(fixture.store, execution.id)).toEqual(before);
    });

    it('says written again for a retry, also when the next attempt runs already', async () => {
      const { node, execution } = await running(fixture.store);
      const retry = outcomeOf(execution, { status: 'pending', error: BOOM });
      await complete(retry);
      expect(await complete(retry)).toEqual({ kind: 'written', status: 'pending' });
      const [next] = await claimed(fixture.store, node);
      expect(await complete(retry)).toEqual({ kind: 'written', status: 'pending' });
      expect(await executionOf(fixture.store, execution.id)).toEqual(next);
      expect((await fixture.store.getExecution(execution.id))!.attempts).toHaveLength(1);
    });

    it('is fenced off when the epoch is not the one that runs', async () => {
      const { execution } = await running(fixture.store);
      expect(await complete(outcomeOf(execution, { leaseEpoch: 2 }))).toEqual({ kind: 'fenced' });
      expect(await complete(outcomeOf(execution, { leaseEpoch: 0 }))).toEqual({ kind: 'fenced' });
      expect(await executionOf(fixture.store, execution.id)).toEqual(execution);
    });

    it('is fenced off after a takeover, before and after the next claim', async () => {
      const { store } = fixture;
      const late = await running(store, {}, { leaseMs: 0 });
      const node = await registered(store);
      await fixture.tick();
      const { nodes } = await store.beat(node.incarnation, HOUR);
      const { beat } = nodes.find(({ incarnation }) => incarnation === late.node.incarnation)!;
      await store.rescue(late.node.incarnation, beat);
      expect(await complete(outcomeOf(late.execution))).toEqual({ kind: 'fenced' });
      const [taken] = await claimed(store, node);
      expect(await complete(outcomeOf(late.execution))).toEqual({ kind: 'fenced' });
      expect(await executionOf(store, late.execution.id)).toEqual(taken);
    });

    it('is fenced off for an execution that does not exist', async () => {
      const { execution } = await running(fixture.store);
      expect(await complete(outcomeOf(execution, { executionId: aNode().incarnation }))).toEqual({ kind: 'fenced' });
    });

    it('gives one verdict for each outcome, in order', async () => {
      const { store } = fixture;
      const first = await running(store, { id: 'first' });
      const second = await running(store, { id: 'second' });
      const verdicts = await store.complete([
        outcomeOf(first.execution, { leaseEpoch: 9 }),
        outcomeOf(second.execution, { status: 'failed' }),
        outcomeOf(first.execution),
      ]);
      expect(verdicts.map(({ kind }) => kind)).toEqual(['fenced', 'written', 'written']);
      expect(await statusOf(store, first.execution.id)).toBe('succeeded');
      expect(await statusOf(store, second.execution.id)).toBe('failed');
    });

    it('of nothing gives nothing', async () => {
      expect(await fixture.store.complete([])).toEqual([]);
    });

    it('keeps the status whatever the result and the error hold', async () => {
      const { execution } = await running(fixture.store);
      const error = { name: 'Error', message: 'a\u0000b \ud800' };
      expect(await complete(outcomeOf(execution, { status: 'failed', result: '"a\\u0000b"', error }))).toEqual({
        kind: 'written',
        status: 'failed',
      });
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({
        status: 'failed',
        error: { name: 'Error' },
      });
    });

    it('counts failures in a row on the job, and a success ends the count', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store, { maxInstances: 9 });
      const failures = async () => (await store.getJob(job.id))!.consecutiveFailures;
      await complete(outcomeOf(execution, { status: 'failed' }));
      await complete(outcomeOf(execution, { status: 'failed' }));
      expect(await failures()).toBe(1);
      for (const [status, expected] of [
        ['timed-out', 2],
        ['cancelled', 2],
        ['pending', 2],
        ['succeeded', 0],
      ] as const) {
        const { id } = await store.addManualExecution(job.id, { id: aNode().incarnation, data: null, reason: null });
        const { claimed: rows } = await store.pass(aPass(node), () => decisions({ claims: [id] }));
        await complete(outcomeOf(rows[0]!, { status }));
        expect(await failures()).toBe(expected);
      }
      expect(await store.getJob(job.id)).toMatchObject({ version: job.version, state: 'active' });
    });

    it('pauses a job with so many failures in a row, and says so once', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store, { maxInstances: 9, pauseAfterFailures: 2 });
      expect(await complete(outcomeOf(execution, { status: 'failed', error: BOOM }))).not.toHaveProperty('paused');
      const fail = async (status: 'failed' | 'timed-out') => {
        const { id } = await store.addManualExecution(job.id, { id: aNode().incarnation, data: null, reason: null });
        const { claimed: rows } = await store.pass(aPass(node), () => decisions({ claims: [id] }));
        return await complete(outcomeOf(rows[0]!, { status, error: { name: 'TimeoutError', message: 'too long' } }));
      };
      const paused = (await store.getJob(job.id))!;
      expect(paused).toMatchObject({ state: 'active', consecutiveFailures: 1 });
      const verdict = await fail('timed-out');
      const row = (await store.getJob(job.id))!;
      expect(verdict).toEqual({ kind: 'written', status: 'timed-out', paused: row });
      const stateReason = '2 executions in a row failed, the last with TimeoutError: too long';
      expect(row).toMatchObject({ state: 'paused', stateBy: 'pauseAfterFailures', stateReason, version: job.version });
      expect(row.stateAt.getTime()).toBeGreaterThanOrEqual(execution.claimedAt!.getTime());
      expect(await fail('failed')).not.toHaveProperty('paused');
      expect(await store.getJob(job.id)).toMatchObject({ consecutiveFailures: 3, stateReason, stateAt: row.stateAt });
    });
  });

  describe('a retry', () => {
    it('waits out its delay by the store’s clock', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      const { now } = await store.peek([], []);
      await complete(outcomeOf(execution, { status: 'pending', delayMs: HOUR, error: BOOM }));
      const row = await executionOf(store, execution.id);
      expect(row).toMatchObject({ status: 'pending', owner: null, finishedAt: null, attempt: 1, leaseEpoch: 1 });
      expect(row.availableAt.getTime()).toBeGreaterThanOrEqual(now.getTime() + HOUR);
      expect(await seen(store, node)).toMatchObject({ jobs: [] });
    });

    it('keeps the attempt that failed in the history', async () => {
      const { execution } = await running(fixture.store);
      await complete(outcomeOf(execution, { status: 'pending', error: BOOM }));
      const { attempts } = (await fixture.store.getExecution(execution.id))!;
      expect(attempts).toEqual([
        { attempt: 1, node: 'node-1', startedAt: execution.claimedAt, finishedAt: expect.any(Date), error: BOOM },
      ]);
    });

    it('keeps every attempt, oldest first, and ends with the last', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      let row = execution;
      for (const message of ['first', 'second']) {
        await complete(outcomeOf(row, { status: 'pending', error: { name: 'Error', message } }));
        row = (await claimed(store, node))[0]!;
      }
      await complete(outcomeOf(row));
      const { execution: ended, attempts } = (await store.getExecution(execution.id))!;
      expect(attempts.map(({ attempt, error }) => [attempt, error!.message])).toEqual([
        [1, 'first'],
        [2, 'second'],
      ]);
      expect(ended).toMatchObject({ status: 'succeeded', attempt: 3, leaseEpoch: 3, error: null });
    });

    it('of what was asked to stop is its end, for the reason that was given with the request', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.cancelExecution(execution.id, 'not needed');
      const retry = outcomeOf(execution, { status: 'pending', reason: 'waits for its next attempt' });
      const cancelled = { kind: 'written', status: 'cancelled', reason: 'not needed' };
      expect(await complete(retry)).toEqual(cancelled);
      expect(await complete(retry)).toEqual(cancelled);
      const row = await executionOf(store, execution.id);
      expect(row).toMatchObject({ status: 'cancelled', reason: 'not needed', finishedAt: expect.any(Date) });
    });

    it('of a job that is gone is its end', async () => {
      const { store } = fixture;
      const { job, execution } = await running(store);
      await store.removeJob(job.id);
      const retry = outcomeOf(execution, { status: 'pending', reason: 'waits for its next attempt' });
      const cancelled = { kind: 'written', status: 'cancelled', reason: 'its job was removed' };
      expect(await complete(retry)).toEqual(cancelled);
      expect(await complete(retry)).toEqual(cancelled);
      expect(await statusOf(store, execution.id)).toBe('cancelled');
    });

    it('that was released gives its attempt back', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await complete(outcomeOf(execution, { status: 'pending', spendsAttempt: false, reason: 'shutdown' }));
      expect(await executionOf(store, execution.id)).toMatchObject({ attempt: 0, leaseEpoch: 1, crashes: 0 });
      expect(await claimed(store, node)).toMatchObject([{ attempt: 1, leaseEpoch: 2 }]);
    });
  });

  describe('resolve', () => {
    it('tells what the incarnation really owns, with its jobs', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store);
      await running(store, { id: 'other' });
      expect(await store.resolve(node.incarnation, [job.uid])).toEqual([{ execution, job }]);
    });

    it('tells of an execution whose job is gone', async () => {
      const { store } = fixture;
      const { node, job, execution } = await running(store);
      await store.removeJob(job.id);
      expect(await store.resolve(node.incarnation, [job.uid])).toEqual([{ execution, job: null }]);
    });

    it('tells nothing when the lost pass was not written, and nothing of what has ended', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await complete(outcomeOf(execution));
      const [job] = await added(store, aJob({ id: 'waits', nextRunAt: FAR_FUTURE }));
      await waiting(store, job!);
      expect(await store.resolve(node.incarnation, [job!.uid])).toEqual([]);
    });

    it('tells of claims as well', async () => {
      const { store } = fixture;
      const node = await registered(store);
      const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
      await store.addManualExecution(job!.id, { id: aNode().incarnation, data: null, reason: null });
      const { claimed: rows } = await store.pass(aPass(node), claimAll);
      expect(await store.resolve(node.incarnation, [job!.uid])).toEqual([{ execution: rows[0], job }]);
    });
  });
}
