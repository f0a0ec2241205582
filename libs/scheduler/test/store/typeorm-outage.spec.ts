import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FlakyProxy } from '../../../testing/src/proxy/flaky-proxy.js';
import { JobStoreUnavailableError, PassUnresolvedError } from '../../src/store/errors.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { aJob, aNode, aPass, CAPABILITY, claimAll, decideAll, HOUR, outcomeOf } from './builders.js';
import { added, registered, running } from './contract/fixture.js';
import { Cleanup, serverUrl, sql } from './typeorm-store.support.js';

const CALL_TIMEOUT_MS = 800;

let cleanup: Cleanup;
let schema: string;
let proxy: FlakyProxy;
let store: TypeOrmJobStore;
const unhandled: unknown[] = [];
const remember = (error: unknown): void => void unhandled.push(error);

beforeEach(async () => {
  process.on('unhandledRejection', remember).on('uncaughtException', remember);
  cleanup = new Cleanup();
  schema = cleanup.schema();
  proxy = cleanup.add(await FlakyProxy.start({ target: serverUrl() }), (each) => each.close());
  store = await cleanup.openStore(schema, { connection: { url: proxy.url }, callTimeoutMs: CALL_TIMEOUT_MS });
});
afterEach(async () => {
  await cleanup.run();
  await new Promise(setImmediate);
  process.off('unhandledRejection', remember).off('uncaughtException', remember);
  expect(unhandled.splice(0)).toEqual([]);
});

async function failureOf(call: Promise<unknown>): Promise<JobStoreUnavailableError> {
  const error = await call.then(
    () => expect.unreachable('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JobStoreUnavailableError);
  return error as JobStoreUnavailableError;
}

describe('a commit whose answer is lost', () => {
  it('leaves the pass unresolved, and resolve finds the claim', async () => {
    const node = await registered(store);
    const [job] = await added(store, aJob());
    const cut = proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    const error = await failureOf(store.pass(aPass(node), decideAll));
    await cut;
    expect(error).toBeInstanceOf(PassUnresolvedError);
    expect(error).toMatchObject({ outcome: 'unknown', jobs: [job!.uid] });
    await store.reconnect();
    const owned = await store.resolve(node.incarnation, [job!.uid]);
    expect(owned).toMatchObject([{ execution: { jobUid: job!.uid, status: 'running' }, job: { runCount: 1 } }]);
    expect((await store.pass(aPass(node), decideAll)).recorded).toEqual([]);
  });

  it('that never arrived leaves the job due, and resolve finds nothing', async () => {
    const node = await registered(store);
    const [job] = await added(store, aJob());
    void proxy.cutOnce({ match: /^COMMIT/, side: 'before' });
    expect(await failureOf(store.pass(aPass(node), decideAll))).toBeInstanceOf(PassUnresolvedError);
    await store.reconnect();
    expect(await store.resolve(node.incarnation, [job!.uid])).toEqual([]);
    expect((await store.pass(aPass(node), decideAll)).recorded).toHaveLength(1);
  });

  it('makes the outcome of a public call unknown; a call lost before it was not written', async () => {
    void proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    expect(await failureOf(store.addJobs(() => [aJob({ id: 'a' })], 'error'))).toMatchObject({ outcome: 'unknown' });
    void proxy.cutOnce({ match: /^INSERT/, side: 'before' });
    expect(await failureOf(store.addJobs(() => [aJob({ id: 'b' })], 'error'))).toMatchObject({
      outcome: 'not-written',
    });
    expect(await store.getJob('a')).not.toBeNull();
    expect(await store.getJob('b')).toBeNull();
  });

  it('does not count an outcome twice when the write is repeated', async () => {
    const { execution, job } = await running(store);
    const failed = outcomeOf(execution, { status: 'failed' });
    void proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    expect(await failureOf(store.complete([failed]))).toMatchObject({ outcome: 'unknown' });
    expect(await store.complete([failed])).toEqual([{ kind: 'written', status: 'failed' }]);
    expect((await store.getJob(job.id))!.consecutiveFailures).toBe(1);
  });
});

describe('resolve', () => {
  it('rejects while the lost transaction still holds the job', async () => {
    const node = await registered(store);
    const [job] = await added(store, aJob());
    const other = await cleanup.openStore(schema, { callTimeoutMs: CALL_TIMEOUT_MS });
    // The transaction of the pass lives as long as its silent connection does on the server.
    const silent = await FlakyProxy.start({ target: serverUrl() });
    cleanup.add(silent, (each) => each.close());
    const lost = await cleanup.openStore(schema, { connection: { url: silent.url }, callTimeoutMs: 10_000 });
    let passing!: Promise<unknown>;
    // it decides about what it has locked
    await new Promise<void>((resolve) => {
      passing = lost.pass(aPass(node), (snapshot) => {
        silent.silence('existing');
        resolve();
        return decideAll(snapshot);
      });
      passing.catch(() => {});
    });
    const locked = async () => (await sql(`SELECT 1 FROM "${schema}".job FOR UPDATE SKIP LOCKED`)).length === 0;
    expect(await locked()).toBe(true);
    expect(await failureOf(other.resolve(node.incarnation, [job!.uid]))).toMatchObject({ outcome: 'not-written' });
    await lost.close();
    await expect(passing).rejects.toBeInstanceOf(JobStoreUnavailableError);
    silent.reset();
    while (await locked());
    expect(await other.resolve(node.incarnation, [job!.uid])).toEqual([]);
  });
});

describe('a connection that falls silent', () => {
  it('rejects every kind of call within the call timeout, and nothing of it is used again', async () => {
    const { node, execution } = await running(store, { nextRunAt: undefined });
    proxy.silence('all');
    const calls = [
      () => store.peek([CAPABILITY], []),
      () => store.pass(aPass(node), decideAll),
      () => store.complete([outcomeOf(execution)]),
      () => store.beat(node.incarnation, HOUR),
      () => store.getJobs({}),
      () => store.addJobs(() => [aJob({ id: 'more' })], 'error'),
    ];
    for (const call of calls) {
      const began = performance.now();
      await failureOf(call());
      expect(performance.now() - began).toBeLessThan(CALL_TIMEOUT_MS + 500);
    }
    proxy.heal();
    await store.reconnect();
    await Promise.all(Array.from({ length: 12 }, () => store.peek([CAPABILITY], [])));
    expect(await store.complete([outcomeOf(execution)])).toEqual([{ kind: 'written', status: 'succeeded' }]);
  });

  it('does not keep the job locked on the server', async () => {
    const node = await registered(store);
    await added(store, aJob());
    const passing = store.pass(aPass(node), (snapshot) => {
      proxy.silence('existing');
      return decideAll(snapshot);
    });
    await failureOf(passing);
    const other = await cleanup.openStore(schema);
    for (;;) {
      const { recorded } = await other.pass(aPass(node), decideAll);
      if (recorded.length > 0) break;
    }
  });

  it('does not hold up reconnect or close', async () => {
    const waiting = [store.getJobs({}), store.getJobs({}), store.getJobs({}), store.getJobs({}), store.getJobs({})];
    await Promise.all(waiting);
    proxy.silence('existing');
    const lost = Array.from({ length: 5 }, () => failureOf(store.getJobs({})));
    const began = performance.now();
    await Promise.all([store.reconnect(), store.reconnect()]);
    await Promise.all(lost);
    expect(performance.now() - began).toBeLessThan(CALL_TIMEOUT_MS);
    expect(await store.getJobs({})).toMatchObject({ items: [] });
    proxy.silence('all');
    await store.close();
    expect(await failureOf(store.getJobs({}))).toMatchObject({ outcome: 'not-written' });
  });
});

describe('reconnect', () => {
  it('leaves no socket of before, idle or in use', async () => {
    const sockets: Socket[] = [];
    const stream = (): Socket => {
      const socket = new Socket();
      sockets.push(socket);
      return socket;
    };
    const other = await cleanup.openStore(schema, { connection: { url: proxy.url, extra: { stream } } });
    await Promise.all([other.getJobs({}), other.getJobs({}), other.getJobs({})]);
    const before = [...sockets];
    proxy.silence('existing');
    const lost = failureOf(other.getJobs({}));
    await other.reconnect();
    await lost;
    expect(before).toHaveLength(3);
    expect(before.every(({ destroyed }) => destroyed)).toBe(true);
    expect(sockets.length).toBeGreaterThan(3);
  });
});

describe('a connection that is reset', () => {
  it('rejects what ran on it, and the next call works', async () => {
    proxy.reset();
    await store.getJobs({}).catch(() => {});
    await store.reconnect();
    expect(await store.getJobs({})).toMatchObject({ items: [] });
  });

  it('rejects reconnect while there is no database, and not after', async () => {
    proxy.refuse();
    expect(await failureOf(store.reconnect())).toMatchObject({ outcome: 'not-written' });
    await failureOf(store.getJobs({}));
    proxy.heal();
    await store.reconnect();
    expect(await store.getJobs({})).toMatchObject({ items: [] });
  });
});

describe('listen', () => {
  it('rejects when its connection is lost', async () => {
    await new Promise<void>((resolve, reject) => {
      const listening = store.listen(() => proxy.reset(), new AbortController().signal);
      listening.then(() => reject(new Error('it ended')), resolve);
    });
  });

  it('rejects when a beat finds its connection silent', async () => {
    const node = await registered(store);
    let heard!: () => void;
    const hearing = new Promise<void>((resolve) => (heard = resolve));
    const listening = store.listen(() => heard(), new AbortController().signal);
    listening.catch(() => {});
    await hearing;
    await store.beat(node.incarnation, HOUR);
    proxy.silence('existing');
    await failureOf(store.beat(node.incarnation, HOUR));
    await failureOf(listening);
  });

  it('that is ended leaves the beat that is under way on its connection its answer', async () => {
    const node = await registered(store);
    const stop = new AbortController();
    await new Promise<void>((resolve) => {
      const listening = store.listen(resolve, stop.signal);
      void cleanup.add(listening, (each) => each);
    });
    await store.beat(node.incarnation, HOUR);
    const beating = store.beat(node.incarnation, HOUR);
    stop.abort();
    await expect(beating).resolves.toMatchObject({ alive: true });
  });

  it('rejects when its listener throws', async () => {
    const listening = store.listen(() => {
      throw new Error('no ear');
    }, new AbortController().signal);
    expect((await failureOf(listening)).message).toContain('no ear');
  });

  it('hears a manual run, and nothing from passes and completions', async () => {
    const node = await registered(store);
    const stop = new AbortController();
    let wakes = 0;
    const listening = store.listen(() => void (wakes += 1), stop.signal);
    while (wakes < 1) await store.peek([], []);
    const other = await cleanup.openStore(schema);
    await added(other, aJob({ nextRunAt: new Date(Date.now() + HOUR) }));
    await other.addManualExecution('report', { id: aNode().incarnation, data: null, reason: null });
    while (wakes < 2) await store.peek([], []);
    const { claimed } = await other.pass(aPass(node), claimAll);
    await other.complete([outcomeOf(claimed[0]!)]);
    await other.addManualExecution('report', { id: aNode().incarnation, data: null, reason: null });
    while (wakes < 3) await store.peek([], []);
    stop.abort();
    await listening;
    expect(wakes).toBe(3);
  });
});
