import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { wakeAfterJitter } from '../../src/triggers/jitter.js';
import { InvalidTriggerError } from '../../src/triggers/trigger.js';
import { COMBINED, COMBINED_DIFFERENCES, REFUSED_COMBINED, type CombinedRow } from './sources/combined-and-calendar.js';
import type { Fires } from './sources/row.js';

describe('combined triggers and calendar intervals, as other systems have them', () => {
  it.each(COMBINED.map((row) => [row.source, row] as const))('fires: %s', (_source, row) => {
    const trigger = row.trigger();
    const fires = firesOf(row);
    expect(fires).toEqual(instants(row.fires));
    for (const fire of fires) {
      if (fire === null) continue;
      expect(trigger.lastAtOrBefore(new Date(fire), new Date(Date.parse(fire) - 1))?.toISOString()).toBe(fire);
      if (row.jitterMs === undefined) continue;
      const delayMs = wakeAfterJitter(trigger, 'job', new Date(fire), row.jitterMs)!.getTime() - Date.parse(fire);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThan(row.jitterMs);
    }
  });

  it.each(REFUSED_COMBINED.map((row) => [row.source, row] as const))('is refused: %s', (_source, row) => {
    const asked = (): Date | null => row.trigger().nextAfter(new Date(0));
    expect(asked).toThrow(InvalidTriggerError);
    expect(asked).toThrow(row.refused);
  });

  it('where they differ, the documentation says why', () => {
    const reference = readFileSync(new URL('../../../../docs/reference/triggers.md', import.meta.url), 'utf8');
    const section = reference.split(/^## /m).find((each) => each.startsWith('Differences from other systems')) ?? '';
    const missing = Object.values(COMBINED_DIFFERENCES).filter((title) => !section.includes(`- **${title}.**`));
    expect(missing).toEqual([]);
    for (const row of COMBINED) expect(row.theirs !== undefined, row.source).toBe(row.difference !== undefined);
  });
});

function firesOf({ trigger, from, fires }: CombinedRow): Fires {
  const found: (string | null)[] = [];
  const made = trigger();
  let fire: Date | null = new Date(Date.parse(from) - 1);
  while (fire !== null && found.length < fires.length) {
    fire = made.nextAfter(fire);
    found.push(fire === null ? null : fire.toISOString());
  }
  return found;
}

function instants(fires: Fires): Fires {
  return fires.map((fire) => (fire === null ? null : new Date(fire).toISOString()));
}
