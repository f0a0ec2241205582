import type { JobContext } from './job-context.js';

/**
 * Wraps every handler of a scheduler: tenant, tracing, AsyncLocalStorage. It must call `run` and return what it gives;
 * without a call the run fails, and a second call gives what the first gave. A call that comes when the run is to stop, or
 * after `aroundJob` has settled, rejects, and the handler does not begin.
 */
export type AroundJob = (context: JobContext<unknown>, run: () => Promise<unknown>) => Promise<unknown>;

/** The handler runs once, whatever is made of `run`; its own end counts where `aroundJob` did not wait for it. */
export async function runAround(
  aroundJob: AroundJob,
  context: JobContext<unknown>,
  handler: () => unknown,
): Promise<unknown> {
  const handling: { end?: Promise<unknown> } = {};
  let isOver = false;
  let isSettled = false;
  const handle = async (): Promise<unknown> => {
    if (isSettled)
      throw new Error('run was called after its aroundJob had settled, so that the run has failed already.');
    try {
      return await handler();
    } finally {
      isOver = true;
    }
  };
  const run = (): Promise<unknown> => {
    handling.end ??= handle();
    // nobody may be waiting for it
    handling.end.catch(() => {});
    return handling.end;
  };
  try {
    const value = await aroundJob(context, run);
    if (handling.end) return isOver ? value : await handling.end;
  } catch (error) {
    // its slot is held as long as the handler is at work
    await handling.end?.catch(() => {});
    throw error;
  } finally {
    isSettled = true;
  }
  throw new Error(
    'The aroundJob of this scheduler settled without calling run. It must call run and return what it gives.',
  );
}
