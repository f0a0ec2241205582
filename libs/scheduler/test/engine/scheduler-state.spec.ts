import { ManualClock } from 'nestjs-vigil-testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { EngineEvents, type SchedulerEvents } from '../../src/engine/engine-events.js';
import { StateMachine } from '../../src/engine/scheduler-state.js';

let clock: ManualClock;
let machine: StateMachine;
let changes: SchedulerEvents['scheduler.state'][];
const away = new Error('the database is away');
const deaf = new Error('nothing is heard');

beforeEach(() => {
  clock = new ManualClock();
  const events = new EngineEvents(() => {});
  changes = [];
  events.on('scheduler.state', (change) => changes.push(change));
  machine = new StateMachine(clock, events);
  machine.starting();
  machine.succeeded('loop');
});

const lastChange = () => changes.at(-1);

describe('A scheduler', () => {
  it('goes from running to degraded, disconnected, recovering and running', async () => {
    machine.failed('loop', away, 1);
    await clock.advance(5_000);
    machine.failed('loop', away, 2);
    await clock.advance(37_000);
    machine.reconnected();
    machine.succeeded('loop');
    expect(changes.map(({ to }) => to)).toEqual([
      'starting',
      'running',
      'degraded',
      'disconnected',
      'recovering',
      'running',
    ]);
    expect(lastChange()).toMatchObject({ downMs: 42_000, error: null });
  });

  it('can claim only when its loop has turned on the connections that there are', () => {
    expect(machine.canClaim).toBe(true);
    machine.failed('loop', away, 1);
    expect([machine.state, machine.canClaim]).toEqual(['degraded', false]);
    machine.succeeded('loop');
    machine.failed('outcome-writer', away, 1);
    expect([machine.state, machine.canClaim]).toEqual(['degraded', true]);
    machine.reconnected();
    machine.succeeded('outcome-writer');
    expect(machine.canClaim).toBe(false);
    machine.succeeded('loop');
    expect([machine.state, machine.canClaim]).toEqual(['running', true]);
  });

  it('has recovered when only notifications go on failing, and says why it is degraded', async () => {
    machine.failed('notifications', deaf, 1);
    expect(lastChange()).toMatchObject({ to: 'degraded', downMs: null });
    machine.failed('loop', away, 1);
    machine.failed('loop', away, 2);
    expect(machine.reason).toBe(away.message);
    await clock.advance(9_000);
    machine.reconnected();
    machine.succeeded('loop');
    expect(lastChange()).toMatchObject({ to: 'degraded', downMs: 9_000 });
    expect([machine.reason, machine.canClaim]).toEqual([deaf.message, true]);
  });
});
