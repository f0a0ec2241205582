import { expect } from 'vitest';

import type { JobExecutionEntity } from '../../../src/store/job-execution.entity.js';
import type { JobStore, NodeRegistration, PassSnapshot } from '../../../src/store/job-store.js';
import type { JobEntity } from '../../../src/store/job.entity.js';
import { aJob, aNode, aPass, claimAll, decideAll, decisions, recordFor } from '../builders.js';

export const SCHEDULER_NAME = 'default';

export interface Fixture {
  readonly store: JobStore;
  another(): Promise<JobStore>;
  /** Until the store's clock shows a later instant. */
  tick(): Promise<void>;
}

export async function added(store: JobStore, ...jobs: JobEntity[]): Promise<JobEntity[]> {
  return store.addJobs(() => jobs, 'error');
}

export async function registered(
  store: JobStore,
  overrides: Partial<NodeRegistration> = {},
): Promise<NodeRegistration> {
  const node = aNode(overrides);
  await store.registerNode(node);
  return node;
}

/** What a pass of that node would see; it decides nothing. */
export async function seen(
  store: JobStore,
  node: NodeRegistration,
  request: Partial<Parameters<typeof aPass>[1]> = {},
): Promise<PassSnapshot> {
  let snapshot: PassSnapshot | undefined;
  await store.pass(aPass(node, request), (given) => {
    snapshot = given;
    return decisions();
  });
  return snapshot!;
}

export const idsOf = (snapshot: PassSnapshot): string[] => snapshot.jobs.map(({ job }) => job.id);

export interface Running {
  node: NodeRegistration;
  job: JobEntity;
  execution: JobExecutionEntity;
}

/** A job of which one execution runs. */
export async function running(
  store: JobStore,
  job: Partial<JobEntity> = {},
  node: Partial<NodeRegistration> = {},
): Promise<Running> {
  const registration = await registered(store, node);
  const [row] = await added(store, aJob(job));
  const { recorded } = await store.pass(aPass(registration), decideAll);
  const execution = recorded.find(({ jobUid }) => jobUid === row!.uid);
  return { node: registration, job: (await store.getJob(row!.id))!, execution: execution! };
}

/** An execution that waits for its first claim, of a job that is not due itself. */
export async function waiting(store: JobStore, job: JobEntity, scheduledAt = job.nextRunAt!): Promise<string> {
  const record = recordFor(job, { status: 'pending', scheduledAt });
  await store.changeJob(job.id, () => ({ set: {}, records: [record] }));
  return record.id;
}

export async function claimed(store: JobStore, node: NodeRegistration): Promise<JobExecutionEntity[]> {
  return (await store.pass(aPass(node), claimAll)).claimed;
}

export async function executionOf(store: JobStore, id: string): Promise<JobExecutionEntity> {
  return (await store.getExecution(id))!.execution;
}

export async function statusOf(store: JobStore, id: string): Promise<string> {
  return (await executionOf(store, id)).status;
}

/** Everything a rejected call must leave as it was. */
export async function allRows(store: JobStore): Promise<unknown> {
  const jobs = await store.getJobs({});
  const executions = await store.getExecutions({});
  return { jobs: jobs.items, executions: executions.items };
}

export async function expectNothingChanged(store: JobStore, call: () => Promise<unknown>): Promise<void> {
  const before = await allRows(store);
  await expect(call()).rejects.toThrow();
  expect(await allRows(store)).toEqual(before);
}
