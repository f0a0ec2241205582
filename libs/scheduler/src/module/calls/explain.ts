import { explainJob, type Explanation } from '../../engine/explain-job.js';
import { JobNotFoundError } from '../../store/errors.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkId } from './arguments.js';

export async function explain(runtime: SchedulerRuntime, id: string): Promise<Explanation> {
  checkId('explain', id);
  const store = await runtime.store();
  const job = await store.getJob(id);
  if (job === null) throw new JobNotFoundError(id);
  const [active, pause, nodes] = [
    await store.activeExecutions(job.uid),
    await store.clusterPause(),
    await store.liveNodes(),
  ];
  return explainJob({ job, active, pause, nodes, here: runtime.thisNode });
}
