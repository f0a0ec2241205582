import { Injectable } from '@nestjs/common';
import { JobContext, JobHandler, ScheduledJob, type ExecutionInfo, type SchedulerService } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import type { EntityManager } from 'typeorm';

/** Two replicas: the calls are made on `one`, which runs nothing; `two` runs jobs. */
export interface Replicas {
  one: Scheduler;
  two: Scheduler;
}
/** That something is not promised of a method, and why. */
interface None {
  none: string;
}
export type Scheduler = SchedulerService;
type ErrorClass = new (...parameters: never[]) => Error;

/** What every method of `SchedulerService` promises. `id`: a text that nothing else uses. */
export interface Promises {
  /** Called on one replica, seen by the other. */
  works(replicas: Replicas, id: string): Promise<void>;
  /** The error it rejects with, or what it resolves with. */
  unknownId: { call(scheduler: Scheduler, id: string): Promise<unknown>; gives: ErrorClass | unknown[] | null } | None;
  /** When what the call is about is not in the state for it. */
  wrongState: ((replicas: Replicas, id: string) => Promise<void>) | None;
  /** Calls that cannot be meant, as code without types makes them; each is told what is wrong, and where. */
  badArguments: Record<string, (scheduler: Scheduler) => unknown> | None;
  /** Rejects in time with the database away. */
  away: ((scheduler: Scheduler, id: string) => Promise<unknown>) | None;
  /** Written with the caller's commit, and not without it. */
  inTransaction: InTransaction | None;
}
export interface InTransaction {
  /** What has to be there first. */
  given?(scheduler: Scheduler, id: string): Promise<unknown>;
  /** `of`: the id, or that of the execution that was given. */
  call(scheduler: Scheduler, of: string, manager: EntityManager | undefined): Promise<unknown>;
  /** What is to be the same before the commit, and another after it. */
  shows(scheduler: Scheduler, id: string): Promise<unknown>;
}
/** A new method without its promises does not compile. */
export type Methods = {
  [Name in keyof Scheduler]: Scheduler[Name] extends (...parameters: never[]) => unknown ? Name : never;
}[keyof Scheduler];
export type PromisesOf<Names extends Methods> = Record<Names, Promises>;

export const WRITES_NOTHING: None = { none: 'it writes nothing' };
export const NO_ID: None = { none: 'it takes no id' };
export const NO_STATE: None = { none: 'it reads, whatever the state is' };
export const NO_ARGUMENTS: None = { none: 'it takes no arguments' };
export const NO_DATABASE: None = { none: 'it asks nothing of the database' };

@Injectable()
export class Greetings {
  @JobHandler('greet')
  greet(context: JobContext<{ user: string }>): string {
    return `hello ${context.data.user}`;
  }
  @ScheduledJob('0 0 0 1 1 *', { id: 'declared' })
  declared(): void {}
}
export const GREET = [Greetings, 'greet'] as const;
export const ann = { user: 'ann' };

/** The loop takes its first turn after `start()`. */
export async function untilRunning(scheduler: Scheduler): Promise<void> {
  using events = recordEvents(scheduler, ['scheduler.state']);
  if (scheduler.state !== 'running') await events.waitFor('scheduler.state', ({ to }) => to === 'running');
}

/** A job of a handler that no replica has: what is asked of it waits. */
export const waiting = (scheduler: Scheduler, id: string) => scheduler.addJob({ id, handler: 'nobody', every: '1h' });
export async function waitingRun(scheduler: Scheduler, id: string): Promise<ExecutionInfo> {
  await waiting(scheduler, id);
  return await scheduler.runJob(id);
}
export const paused = async (scheduler: Scheduler, id: string) => {
  await waiting(scheduler, id);
  return await scheduler.pauseJob(id, { by: 'anna' });
};
export const stateOf = async (scheduler: Scheduler, id: string) => (await scheduler.getJob(id))?.state;
export const runsOf = async (scheduler: Scheduler, jobId: string) => (await scheduler.getExecutions({ jobId })).items;
export async function cancelled(scheduler: Scheduler, id: string): Promise<ExecutionInfo> {
  const run = await waitingRun(scheduler, id);
  await scheduler.cancelExecution(run.id);
  return run;
}

/** Bad arguments of every method that takes options. */
export const badOptions = (call: (scheduler: Scheduler, options: never) => unknown) => ({
  'an option there is not': (s: Scheduler) => call(s, { wen: 1 } as never),
  'options that are none': (s: Scheduler) => call(s, null as never),
  'a manager that is none': (s: Scheduler) => call(s, { manager: {} } as never),
  'a reason that is no text': (s: Scheduler) => call(s, { reason: 5 } as never),
});
export const badIds = (call: (scheduler: Scheduler, id: never) => unknown) => ({
  'an id that is no text': (s: Scheduler) => call(s, 7 as never),
  'an id that is empty': (s: Scheduler) => call(s, '' as never),
});
