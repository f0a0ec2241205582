import type { ActiveExecutions, ClusterPause, LiveNode } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import type { SchedulerState } from './engine-events.js';

/** What this process knows of itself. */
export interface ThisNode {
  incarnation: string | null;
  state: SchedulerState;
  /** Why it is not running. */
  reason: string | null;
  runJobs: boolean;
  /** Ids of executions that have ended here, and whose outcome is not written yet. */
  unwritten: ReadonlySet<string>;
}
/** Everything that decides whether a job runs. */
export interface JobFacts {
  job: JobEntity;
  active: ActiveExecutions;
  pause: ClusterPause | null;
  nodes: readonly LiveNode[];
  here: ThisNode;
}
const MOST_NAMED = 10;

/** Whether it announces that it can run that. */
export function canRun({ capabilities }: LiveNode, capability: string): boolean {
  return capabilities.includes(capability);
}
export function named(nodes: readonly LiveNode[]): string {
  const names = nodes.slice(0, MOST_NAMED).map(({ nodeName }) => `"${nodeName}"`);
  const left = nodes.length - names.length;
  return `${names.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}
export function iso(at: Date): string {
  return Number.isNaN(at.getTime()) ? 'a time that no clock shows' : at.toISOString();
}
export function because(reason: string | null): string {
  return reason === null ? '' : `: ${reason.replace(/\.$/, '')}`;
}
