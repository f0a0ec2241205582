import { describe, expect, it } from 'vitest';

import { JobStoreConfigurationError } from '../../../src/store/errors.js';
import { aJob, CAPABILITY, FAR_FUTURE, PAST, plus, SECOND } from '../builders.js';
import { added, registered, SCHEDULER_NAME, waiting, type Fixture } from './fixture.js';

export function lifePromises(fixture: Fixture): void {
  describe('open, reconnect and close', () => {
    it('opens any number of times', async () => {
      await added(fixture.store, aJob({ id: 'report' }));
      await Promise.all([fixture.store.open(SCHEDULER_NAME), fixture.store.open(SCHEDULER_NAME)]);
      expect(await fixture.store.getJob('report')).not.toBeNull();
    });

    it('is refused to a scheduler of another name, and goes on for the first', async () => {
      const other = await fixture.another();
      await expect(other.open('billing')).rejects.toBeInstanceOf(JobStoreConfigurationError);
      await expect(fixture.store.getJobs({})).resolves.toMatchObject({ items: [] });
    });

    it('keeps its jobs through a reconnection, also when several ask for one at once', async () => {
      await added(fixture.store, aJob({ id: 'report' }));
      await Promise.all([fixture.store.reconnect(), fixture.store.reconnect()]);
      expect(await fixture.store.getJob('report')).not.toBeNull();
    });

    it('closes any number of times, and opens again with its jobs', async () => {
      await added(fixture.store, aJob({ id: 'report' }));
      await fixture.store.close();
      await fixture.store.close();
      await fixture.store.open(SCHEDULER_NAME);
      expect(await fixture.store.getJob('report')).not.toBeNull();
    });
  });

  describe('listen', () => {
    it('wakes when another store adds a job that is due, and ends with its signal', async () => {
      const stop = new AbortController();
      const another = await fixture.another();
      let isAwake = false;
      const listening = fixture.store.listen(() => (isAwake = true), stop.signal);
      for (let n = 0; !isAwake; n += 1) {
        await added(another, aJob({ id: `report-${n}` }));
        await new Promise(setImmediate);
      }
      stop.abort();
      await expect(listening).resolves.toBeUndefined();
    });

    it('ends at once when its signal is aborted already', async () => {
      await expect(fixture.store.listen(() => {}, AbortSignal.abort())).resolves.toBeUndefined();
    });
  });

  describe('peek', () => {
    const peek = async (capabilities: string[] = [CAPABILITY], blocked: string[] = []) =>
      (await fixture.store.peek(capabilities, blocked)).nextAt;

    it('sees nothing where there is nothing', async () => {
      expect(await peek()).toBeNull();
    });

    it('tells when the first job that this node can run wakes', async () => {
      const soon = plus(FAR_FUTURE, -SECOND);
      await added(
        fixture.store,
        aJob({ id: 'later', nextRunAt: FAR_FUTURE }),
        aJob({ id: 'soon', nextRunAt: PAST, wakeAt: soon }),
        aJob({ id: 'paused', state: 'paused' }),
        aJob({ id: 'elsewhere', capability: 'mail@default' }),
      );
      expect(await peek()).toEqual(soon);
      expect(await peek(['mail@default'])).toEqual(PAST);
      expect(await peek([])).toBeNull();
    });

    it('sees what waits for a claim, unless its job had no room', async () => {
      const [job] = await added(fixture.store, aJob({ nextRunAt: FAR_FUTURE }));
      await waiting(fixture.store, job!, PAST);
      const { now, nextAt } = await fixture.store.peek([CAPABILITY], []);
      expect(nextAt!.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(await peek([CAPABILITY], [job!.uid])).toEqual(FAR_FUTURE);
      expect(await peek(['mail@default'])).toBeNull();
    });

    it('does not see what waits for its job to be resumed', async () => {
      const [job] = await added(fixture.store, aJob({ state: 'paused' }));
      await waiting(fixture.store, job!);
      expect(await peek()).toBeNull();
    });

    it('changes nothing: what is due stays due', async () => {
      await registered(fixture.store);
      await added(fixture.store, aJob());
      expect(await peek()).toEqual(PAST);
      expect(await peek()).toEqual(PAST);
    });
  });
}
