import { afterAll, afterEach, beforeEach, describe } from 'vitest';

import type { JobStore } from '../../src/store/job-store.js';
import { backfillPromises } from './contract/backfill.promises.js';
import { concurrencyPromises } from './contract/concurrency.promises.js';
import { declaredJobPromises } from './contract/declared-jobs.promises.js';
import { executionPromises } from './contract/executions.promises.js';
import { historyPromises } from './contract/history.promises.js';
import { jobPromises } from './contract/jobs.promises.js';
import { lifePromises } from './contract/life.promises.js';
import { nodePromises } from './contract/nodes.promises.js';
import { outcomePromises } from './contract/outcomes.promises.js';
import { passPromises } from './contract/pass.promises.js';
import { pausePromises } from './contract/pause.promises.js';
import { pendingPromises } from './contract/pending.promises.js';
import { progressPromises } from './contract/progress.promises.js';
import { roomPromises } from './contract/room.promises.js';
import { surroundingsPromises } from './contract/surroundings.promises.js';
import { urgencyPromises } from './contract/urgency.promises.js';
import { SCHEDULER_NAME, type Fixture } from './contract/fixture.js';

export interface StoreUnderTest {
  store: JobStore;
  /** A second store on the same data, as another process would have it. */
  another(): Promise<JobStore>;
  /** Only when the store's clock is turned by hand. */
  advance?(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * What every store keeps.
 *
 * @param make gives an empty one, which may be open as "default" already
 * @param end after the last test
 */
export function describeJobStore(
  name: string,
  make: () => Promise<StoreUnderTest>,
  end: () => Promise<void> = async () => {},
): void {
  describe(name, () => {
    let current: StoreUnderTest;
    afterAll(end);
    beforeEach(async () => {
      current = await make();
      await current.store.open(SCHEDULER_NAME);
    });
    afterEach(() => current.dispose());

    const fixture: Fixture = {
      get store() {
        return current.store;
      },
      async another() {
        const store = await current.another();
        await store.open(SCHEDULER_NAME);
        return store;
      },
      async tick() {
        const before = (await current.store.peek([], [])).now;
        await current.advance?.(1);
        while ((await current.store.peek([], [])).now <= before);
      },
    };
    for (const promises of [
      lifePromises,
      passPromises,
      pausePromises,
      pendingPromises,
      backfillPromises,
      roomPromises,
      concurrencyPromises,
      outcomePromises,
      progressPromises,
      nodePromises,
      declaredJobPromises,
      jobPromises,
      executionPromises,
      historyPromises,
      surroundingsPromises,
      urgencyPromises,
    ]) {
      promises(fixture);
    }
  });
}
