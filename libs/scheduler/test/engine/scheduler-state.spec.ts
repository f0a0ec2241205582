import { ManualClock } from 'nestjs-vigil-testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { EngineEvents, type SchedulerEvents } from '../../src/engine/engine-events.js';
import { Pauses } from '../../src/engine/pauses.js';
import { StateMachine } from '../../src/engine/scheduler-state.js';

let clock: ManualClock;
let machine: StateMachine;
let pauses: Pauses;
let changes: SchedulerEvents['scheduler.state'][];
const away = new Error('the database is away');
const deaf = new Error('nothing is heard');

beforeEach(() => {
  clock = new ManualClock();
  const events = new EngineEvents(() => {});
  changes = [];
  events.on('scheduler.state', (change) => changes.push(change));
  pauses = new Pauses((by) => machine.pauseChanged(by));
  machine = new StateMachine(clock, events, pauses);
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
    expect(machine.isReady).toBe(true);
    machine.failed('loop', away, 1);
    expect([machine.state, machine.isReady]).toEqual(['degraded', false]);
    machine.succeeded('loop');
    machine.failed('outcome-writer', away, 1);
    expect([machine.state, machine.isReady]).toEqual(['degraded', true]);
    machine.reconnected();
    machine.succeeded('outcome-writer');
    expect(machine.isReady).toBe(false);
    machine.succeeded('loop');
    expect([machine.state, machine.isReady]).toEqual(['running', true]);
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
    expect([machine.reason, machine.isReady]).toEqual([deaf.message, true]);
  });
});

describe('A pause', () => {
  const cluster = { reason: 'the tables are moved', by: 'anna', at: new Date(0) };
  const nobody = { reason: null, by: null };

  it('is told with who and why, and its end with who ended it', () => {
    pauses.found(cluster, pauses.changes);
    expect([machine.state, machine.reason]).toEqual(['paused', 'the cluster is paused by anna: the tables are moved']);
    expect(lastChange()).toEqual({
      from: 'running',
      to: 'paused',
      error: null,
      downMs: null,
      reason: 'the cluster is paused by anna: the tables are moved',
    });
    pauses.clusterIs(null, { by: 'bob', reason: null });
    expect(lastChange()).toMatchObject({ from: 'paused', to: 'running', reason: ' by bob' });
    expect(machine.reason).toBeNull();
  });

  it('of the node and of the cluster are two, and it is paused while there is one', () => {
    pauses.nodeIs(nobody, nobody);
    pauses.found(cluster, pauses.changes);
    expect(machine.reason).toBe('the cluster is paused by anna: the tables are moved; this node is paused');
    pauses.found(null, pauses.changes);
    expect([machine.state, machine.reason]).toEqual(['paused', 'this node is paused']);
    pauses.nodeIs(null, nobody);
    expect(machine.state).toBe('running');
    expect(changes.map(({ to }) => to)).toEqual(['starting', 'running', 'paused', 'running']);
  });

  it('leaves it ready; an outage is told all the same, and the pause again when it is over', async () => {
    pauses.found(cluster, pauses.changes);
    expect(machine.isReady).toBe(true);
    machine.failed('loop', away, 1);
    expect([machine.state, machine.isReady]).toEqual(['paused', false]);
    machine.failed('loop', away, 2);
    expect([machine.state, machine.reason]).toEqual(['disconnected', away.message]);
    await clock.advance(3_000);
    machine.reconnected();
    machine.succeeded('loop');
    expect(changes.slice(3).map(({ from, to, downMs }) => [from, to, downMs])).toEqual([
      ['paused', 'disconnected', null],
      ['disconnected', 'recovering', null],
      ['recovering', 'paused', 3_000],
    ]);
  });

  it('that is found while it is disconnected shows when it works again, and so does its end', () => {
    machine.failed('loop', away, 1);
    machine.failed('loop', away, 2);
    pauses.clusterIs(cluster, nobody);
    expect(machine.state).toBe('disconnected');
    machine.reconnected();
    pauses.clusterIs(null, nobody);
    machine.succeeded('loop');
    expect(changes.map(({ to }) => to)).not.toContain('paused');
    expect(machine.state).toBe('running');
  });

  it('hides that notifications fail, and its end shows it', () => {
    machine.failed('notifications', deaf, 1);
    pauses.found(cluster, pauses.changes);
    machine.failed('notifications', deaf, 2);
    expect(machine.state).toBe('paused');
    pauses.found(null, pauses.changes);
    expect([machine.state, machine.reason]).toEqual(['degraded', deaf.message]);
  });

  it('that this node has changed is not undone by an answer from before', () => {
    const asked = pauses.changes;
    pauses.clusterIs(cluster, nobody);
    pauses.found(null, asked);
    expect(machine.state).toBe('paused');
    pauses.found(null, pauses.changes);
    expect(machine.state).toBe('running');
  });
});
