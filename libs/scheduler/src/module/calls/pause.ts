import { InvalidJobError } from '../../engine/job-settings.js';
import type { PauseNote } from '../../store/job-store.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkBoolean, checkCallOptions, checkEach, isOneOf, noteOf, type CallOptions } from './arguments.js';

/** `cluster`: every node, and those that start later; `node`: this process. */
export interface PauseScope {
  /** @default 'cluster' */
  scope?: 'cluster' | 'node';
}
export type PauseOptions = CallOptions & PauseScope;

const SCOPES = ['cluster', 'node'];

export async function pause(runtime: SchedulerRuntime, options: PauseOptions): Promise<void> {
  checkCallOptions('pause', options, ['scope']);
  checkScope('pause', options);
  const note = noteOf(options);
  const { manager, scope } = options;
  if (scope === 'node') return await pauseNode(runtime, note);
  const store = await runtime.store();
  const inForce = await store.pauseCluster(note, { manager });
  if (manager === undefined) runtime.clusterIs(inForce, note);
}

export async function resume(runtime: SchedulerRuntime, options: PauseOptions & { catchUp?: boolean }): Promise<void> {
  checkCallOptions('resume', options, ['scope', 'catchUp']);
  checkScope('resume', options);
  checkBoolean('resume', 'catchUp', options.catchUp);
  const note = noteOf(options);
  const { manager, scope, catchUp = false } = options;
  if (scope === 'node') return resumeNode(runtime, note);
  const store = await runtime.store();
  await store.resumeCluster({ catchUp }, { manager });
  if (manager === undefined) runtime.clusterIs(null, note);
}

/** What the pass that is under way claims is started before this resolves; afterwards nothing is. */
async function pauseNode(runtime: SchedulerRuntime, note: PauseNote): Promise<void> {
  const engine = runtime.engine('pause');
  engine.pauses.nodeIs(note, note);
  await engine.passOver();
}

function resumeNode(runtime: SchedulerRuntime, note: PauseNote): void {
  const engine = runtime.engine('resume');
  engine.pauses.nodeIs(null, note);
  engine.wake();
}

/** Other nodes run what this one does not while it is paused: there is nothing to write, and nothing to catch up on. */
function checkScope(where: string, options: PauseOptions & { catchUp?: boolean }): void {
  checkEach(where, { scope: options.scope }, { scope: isOneOf(SCOPES) });
  if (options.scope !== 'node') return;
  const stranger = (['manager', 'catchUp'] as const).find((name) => options[name] !== undefined);
  if (stranger === undefined) return;
  throw new InvalidJobError(
    `${where}: scope is "node", which is in the memory of this process only, and ${stranger} is about the cluster. Leave ${stranger} out, or the scope.`,
  );
}
