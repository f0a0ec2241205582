import type { Model } from './explorer.js';
import { faultSteps, leaseSteps, timeSteps } from './node.steps.js';
import { operatorSteps, shutdownSteps } from './operator.steps.js';
import { handlerSteps, outcomeSteps, silentWriteSteps } from './outcome.steps.js';
import { passSteps, resolveSteps, silentPassSteps } from './pass.steps.js';
import { brokenPromise, isQuiet } from './promises.js';
import { SHIPPED, type Bounds, type Rules } from './rules.js';
import { keyOf } from './state-key.js';
import { copyState, initialState, type State } from './state.js';
import { worldOf, type StateOffer } from './world.js';

/** The protocol of claims, leases and outcomes, with everything that can happen between its steps. */
export function protocol(bounds: Bounds, changed: Partial<Rules> = {}): Model<State> {
  const world = worldOf({ ...SHIPPED, ...changed }, bounds);
  return {
    initial: () => initialState(bounds),
    copy: copyState,
    key: keyOf,
    broken: (state) => brokenPromise(world, state),
    isQuiet: (state) => isQuiet(world, state),
    steps: (state: State, offer: StateOffer) => {
      operatorSteps(world, state, offer);
      for (const node of state.processes.keys()) {
        passSteps(world, state, node, offer);
        resolveSteps(world, state, node, offer);
        handlerSteps(world, state, node, offer);
        outcomeSteps(world, state, node, offer);
        leaseSteps(world, state, node, offer);
        shutdownSteps(world, state, node, offer);
      }
      silentPassSteps(world, state, offer);
      silentWriteSteps(state, offer);
      timeSteps(world, state, offer);
      faultSteps(world, state, offer);
    },
  };
}
