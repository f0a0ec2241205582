import { getEventListeners } from 'node:events';

import { describe, expect, it } from 'vitest';

import { JobStoreConfigurationError } from '../../src/store/errors.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { aJob, aNode, aPass, claimAll, HOUR, outcomeOf, plus } from './builders.js';
import { added, registered, running } from './contract/fixture.js';
import { describeJobStore } from './job-store.contract.js';

/** A clock that moves only when it is told to. */
function clockByHand() {
  let nowMs = Date.parse('2026-03-01T12:00:00.000Z');
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
    advance: async (ms: number) => void (nowMs += ms),
  };
}

function shared(store: MemoryJobStore) {
  return { store, another: async () => store, dispose: () => store.close() };
}

describeJobStore('MemoryJobStore', async () => shared(new MemoryJobStore()));

describeJobStore('MemoryJobStore on a clock turned by hand', async () => {
  const clock = clockByHand();
  return { ...shared(new MemoryJobStore({ clock })), advance: clock.advance };
});

describe('MemoryJobStore', () => {
  it('refuses a transaction it cannot join, and changes nothing', async () => {
    const store = new MemoryJobStore();
    await added(store, aJob());
    const call = { manager: { query: async () => [] } };
    const calls = [
      store.addJobs(() => [aJob({ id: 'other' })], 'error', call),
      store.changeJob('report', () => ({ set: { priority: 1 } }), call),
      store.addManualExecution('report', { id: aNode().incarnation, data: null, reason: null }, call),
      store.cancelExecution(aNode().incarnation, null, call),
      store.removeJob('report', call),
    ];
    for (const answer of await Promise.allSettled(calls)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(JobStoreConfigurationError) });
    }
    expect((await store.getJobs({})).items).toMatchObject([{ id: 'report', version: 1 }]);
  });

  it('takes the time from the clock it is given', async () => {
    const clock = clockByHand();
    const store = new MemoryJobStore({ clock });
    const { node, execution } = await running(store);
    await store.complete([outcomeOf(execution, { status: 'pending', delayMs: HOUR })]);
    expect((await store.pass(aPass(node), claimAll)).claimed).toEqual([]);
    await clock.advance(HOUR);
    expect((await store.pass(aPass(node), claimAll)).claimed).toMatchObject([
      { id: execution.id, startedAt: execution.startedAt, claimedAt: plus(execution.startedAt!, HOUR) },
    ]);
  });

  it('ends the lease of a node by that clock', async () => {
    const clock = clockByHand();
    const store = new MemoryJobStore({ clock });
    const { incarnation } = await registered(store, { leaseMs: HOUR });
    const isOver = async () => (await store.beat(aNode().incarnation, HOUR)).nodes[0]?.leaseOver;
    await clock.advance(HOUR - 1);
    expect(await isOver()).toBe(false);
    await clock.advance(1);
    expect(await isOver()).toBe(true);
    expect(await store.beat(incarnation, HOUR)).toMatchObject({ alive: true });
  });

  it('wakes its listeners once at first and when something was changed, and not when nothing was', async () => {
    const store = new MemoryJobStore();
    let wakes = 0;
    void store.listen(() => (wakes += 1), new AbortController().signal);
    expect(wakes).toBe(1);
    await added(store, aJob());
    expect(wakes).toBe(2);
    await store.changeJob('report', () => null);
    await store.addJobs(() => [aJob()], 'keep');
    expect(wakes).toBe(2);
    await store.addManualExecution('report', { id: aNode().incarnation, data: null, reason: null });
    expect(wakes).toBe(3);
  });

  it('a listener that throws hears nothing more, and the write it heard of stands', async () => {
    const store = new MemoryJobStore();
    let wakes = 0;
    const { signal } = new AbortController();
    const listening = store.listen(() => {
      wakes += 1;
      if (wakes > 1) throw new Error('deaf');
    }, signal);
    await added(store, aJob());
    await expect(listening).rejects.toThrow('deaf');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await expect(added(store, aJob({ id: 'next' }))).resolves.toHaveLength(1);
  });
});
