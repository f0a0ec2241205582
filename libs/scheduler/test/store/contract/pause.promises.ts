import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { aJob, aPass, claimAll, FAR_FUTURE, outcomeOf, PAST } from '../builders.js';
import { added, claimed, registered, running, seen, statusOf, waiting, type Fixture } from './fixture.js';

const NOTE = { reason: 'the tables are moved', by: 'anna' };
const byHand = () => ({ id: randomUUID(), data: null, reason: null });

export function pausePromises(fixture: Fixture): void {
  describe('a pause of the cluster', () => {
    it('is there for every store, with who and why, until it is resumed', async () => {
      const { store } = fixture;
      const other = await fixture.another();
      expect(await store.clusterPause()).toBeNull();
      const before = (await store.peek([], [])).now;
      const pause = await store.pauseCluster(NOTE);
      expect(pause).toEqual({ ...NOTE, at: pause.at });
      expect(pause.at!.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(await other.clusterPause()).toEqual(pause);
      expect(await other.peek([], [])).toMatchObject({ pause, missedUntil: null });
      expect(await other.resumeCluster({ catchUp: true })).toBe(true);
      expect(await store.clusterPause()).toBeNull();
      expect(await store.peek([], [])).toMatchObject({ pause: null, missedUntil: null });
    });

    it('that is there already stays as it was', async () => {
      const first = await fixture.store.pauseCluster(NOTE);
      await fixture.tick();
      expect(await fixture.store.pauseCluster({ reason: null, by: 'bob' })).toEqual(first);
      expect(await fixture.store.clusterPause()).toEqual(first);
    });

    it('may say nothing, and what no database can keep is left out', async () => {
      expect(await fixture.store.pauseCluster({ reason: null, by: null })).toMatchObject({ reason: null, by: null });
      await fixture.store.resumeCluster({ catchUp: true });
      await fixture.store.pauseCluster({ reason: 'a "quoted"\n\u{1F6D1} reason', by: 'anna' });
      expect(await fixture.store.clusterPause()).toMatchObject({ reason: 'a "quoted"\n\u{1F6D1} reason' });
    });

    it('keeps everything from a pass: what is due, what waits, what a person asked for and what is offered again', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store, { id: 'runs' });
      await store.complete([outcomeOf(execution, { status: 'pending' })]);
      await added(store, aJob({ id: 'due' }));
      const [quiet] = await added(store, aJob({ id: 'quiet', nextRunAt: FAR_FUTURE }));
      await waiting(store, quiet!, PAST);
      await store.addManualExecution('quiet', byHand());
      await fixture.tick();
      await store.pauseCluster(NOTE);
      expect(await seen(store, node)).toMatchObject({ jobs: [] });
      await store.resumeCluster({ catchUp: true });
      const { jobs } = await seen(store, node);
      expect(Object.fromEntries(jobs.map(({ job, pending }) => [job.id, pending.length]))).toEqual({
        due: 0,
        quiet: 2,
        runs: 1,
      });
    });

    it('lets what runs go on, end and be cancelled', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      const [job] = await added(store, aJob({ id: 'other', nextRunAt: FAR_FUTURE }));
      const id = await waiting(store, job!, PAST);
      await store.pauseCluster(NOTE);
      expect((await store.beat(node.incarnation, 60_000)).mine).toHaveLength(1);
      expect(await store.complete([outcomeOf(execution)])).toEqual([{ kind: 'written', status: 'succeeded' }]);
      await store.cancelExecution(id, null);
      expect(await statusOf(store, id)).toBe('cancelled');
    });

    it('and its end are heard by others', async () => {
      const other = await fixture.another();
      const stop = new AbortController();
      let heard = 0;
      let onHeard = (): void => {};
      const until = async (count: number): Promise<void> => {
        while (heard < count) await new Promise<void>((resolve) => (onHeard = resolve));
      };
      const listening = other.listen(() => {
        heard += 1;
        onHeard();
      }, stop.signal);
      await until(1);
      await fixture.store.pauseCluster(NOTE);
      await until(2);
      await fixture.store.resumeCluster({ catchUp: false });
      await until(3);
      stop.abort();
      await listening;
    });
  });

  describe('a resume of the cluster', () => {
    it('says up to when nothing is to be run any more, to every pass that comes', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, aJob());
      expect(await seen(store, node)).toMatchObject({ missedUntil: null });
      const { at } = await store.pauseCluster(NOTE);
      await fixture.tick();
      expect(await store.resumeCluster({ catchUp: false })).toBe(true);
      const { missedUntil, now } = await seen(store, node);
      expect(missedUntil!.getTime()).toBeGreaterThan(at!.getTime());
      expect(missedUntil!.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(await store.peek([], [])).toMatchObject({ missedUntil });
    });

    it('with catchUp leaves that as it was, and without it only moves it on', async () => {
      const { store } = fixture;
      const cycle = async (catchUp: boolean): Promise<Date | null> => {
        await fixture.tick();
        await store.pauseCluster(NOTE);
        await fixture.tick();
        await store.resumeCluster({ catchUp });
        return (await store.peek([], [])).missedUntil ?? null;
      };
      expect(await cycle(true)).toBeNull();
      const first = await cycle(false);
      expect(await cycle(true)).toEqual(first);
      expect((await cycle(false))!.getTime()).toBeGreaterThan(first!.getTime());
    });

    it('of a cluster that is not paused changes nothing', async () => {
      expect(await fixture.store.resumeCluster({ catchUp: false })).toBe(false);
      expect(await fixture.store.peek([], [])).toMatchObject({ pause: null, missedUntil: null });
    });

    it('lets what waited be claimed', async () => {
      const { store } = fixture;
      const node = await registered(store);
      await added(store, aJob({ nextRunAt: FAR_FUTURE }));
      await store.pauseCluster(NOTE);
      const { id } = await store.addManualExecution('report', byHand());
      expect((await store.pass(aPass(node), claimAll)).claimed).toEqual([]);
      await store.resumeCluster({ catchUp: false });
      expect(await claimed(store, node)).toMatchObject([{ id }]);
    });
  });
}
