import { beforeEach, describe } from 'vitest';

import { MemoryData } from '../../src/store/memory-data.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { auditPromises } from './contract/audit.promises.js';

/** What no call of the store lets anyone reach: the tables behind it. */
async function tablesOf(store: MemoryJobStore): Promise<MemoryData> {
  const tables: MemoryData[] = [];
  const { job } = MemoryData.prototype;
  MemoryData.prototype.job = function (this: MemoryData, id) {
    tables.push(this);
    return job.call(this, id);
  };
  await store.getJob('').finally(() => (MemoryData.prototype.job = job));
  return tables[0]!;
}

describe('MemoryJobStore', () => {
  let store: MemoryJobStore;
  beforeEach(async () => {
    store = new MemoryJobStore();
    await store.open('default');
  });

  auditPromises({
    get store() {
      return store;
    },
    async spoil(id, changes) {
      const tables = await tablesOf(store);
      tables.transaction(() => tables.putExecution({ ...tables.execution(id)!, ...changes }));
    },
    async spoilJob(id, changes) {
      const tables = await tablesOf(store);
      tables.transaction(() => tables.putJob({ ...tables.job(id)!, ...changes }));
    },
    async loseJob(id) {
      const tables = await tablesOf(store);
      tables.transaction(() => tables.deleteJob(id));
    },
  });
});
