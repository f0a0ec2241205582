import { DataSource } from 'typeorm';

import { systemClock } from '../../src/clock/clock.js';
import { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { describeJobStore } from './job-store.contract.js';
import { onOneSchema, serverUrl } from './typeorm-store.support.js';

describeJobStore('TypeOrmJobStore', ...onOneSchema((schema, cleanup) => cleanup.store(schema)));

describeJobStore(
  "TypeOrmJobStore on the application's data source",
  ...onOneSchema(async (schema, cleanup) => {
    const application = new DataSource({ type: 'postgres', url: serverUrl() });
    cleanup.add(await application.initialize(), (dataSource) => dataSource.destroy());
    const store = new TypeOrmJobStore({
      sharedDataSource: application,
      schema,
      poolSize: 3,
      callTimeoutMs: 5_000,
      migrations: 'run',
      clock: systemClock,
    });
    return cleanup.add(store, (each) => each.close());
  }),
);
