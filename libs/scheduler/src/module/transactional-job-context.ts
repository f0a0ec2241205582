import type { EntityManager } from 'typeorm';

import { JobContext } from '../engine/job-context.js';

/**
 * What a handler with `transactional: true` receives. `manager` belongs to the application's data source and is in a
 * transaction whose commit also completes the run. It is over when the handler has settled.
 */
export abstract class TransactionalJobContext<Data = undefined> extends JobContext<Data> {
  abstract readonly manager: EntityManager;
}
