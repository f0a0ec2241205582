import { JobAttemptEntity } from './job-attempt.entity.js';
import { JobDefinitionEntity } from './job-definition.entity.js';
import { JobExecutionEntity } from './job-execution.entity.js';
import { JobEntity } from './job.entity.js';
import { NodeEntity } from './node.entity.js';
import { SchedulerEntity } from './scheduler.entity.js';

/** Every table of the schema. They never enter the application's own data source. */
export const storeEntities = [
  SchedulerEntity,
  NodeEntity,
  JobEntity,
  JobDefinitionEntity,
  JobExecutionEntity,
  JobAttemptEntity,
] as const;
