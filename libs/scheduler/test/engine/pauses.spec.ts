import { describe, expect, it } from 'vitest';

import { Pauses } from '../../src/engine/pauses.js';

describe('What the store says of a pause', () => {
  const by = { reason: 'the tables are moved', by: 'anna' };
  const pause = { ...by, at: new Date('2026-03-01T12:00:00Z') };

  it('is older than what a call on this node has changed since it was asked', () => {
    const told: (string | null)[] = [];
    const pauses = new Pauses((who) => told.push(who));
    const { changes } = pauses;
    pauses.clusterIs(pause, by);
    pauses.found(null, changes);
    expect([pauses.isPaused, told]).toEqual([true, [' by anna: the tables are moved']]);
    pauses.found(null, pauses.changes);
    expect([pauses.isPaused, told.at(-1)]).toEqual([false, null]);
  });
});
