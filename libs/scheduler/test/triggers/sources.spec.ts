import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { wakeAfterJitter } from '../../src/triggers/jitter.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import { InvalidTriggerError, type Trigger } from '../../src/triggers/trigger.js';
import { APSCHEDULER_CRON_3 } from './sources/apscheduler-cron-3.js';
import { APSCHEDULER_CRON_4 } from './sources/apscheduler-cron-4.js';
import { APSCHEDULER_FIELDS } from './sources/apscheduler-fields.js';
import { APSCHEDULER_INTERVALS } from './sources/apscheduler-intervals.js';
import { CRONTAB } from './sources/crontab.js';
import { DIFFERENCES } from './sources/differences.js';
import { QUARTZ_CHARACTERS } from './sources/quartz-characters.js';
import { QUARTZ_EXAMPLES } from './sources/quartz-examples.js';
import type { Fires, FiringRow, RefusedRow, Row, Schedule } from './sources/row.js';
import { firesBetween } from './support.js';

const TABLES: Record<string, readonly Row[]> = {
  'APScheduler 3, cron': APSCHEDULER_CRON_3,
  'APScheduler 4, cron': APSCHEDULER_CRON_4,
  'APScheduler, fields and crontab': APSCHEDULER_FIELDS,
  'APScheduler, intervals and instants': APSCHEDULER_INTERVALS,
  'crontab(5)': CRONTAB,
  'Quartz, examples': QUARTZ_EXAMPLES,
  'Quartz, characters': QUARTZ_CHARACTERS,
};
const ROWS = Object.values(TABLES).flat();
const JOBS = Array.from({ length: 50 }, (_, index) => `job-${index}`);

describe.each(Object.entries(TABLES))('%s', (_name, rows) => {
  it.each(rows.filter(isFiring).map((row) => [titleOf(row), row] as const))('fires: %s', (_title, row) => {
    const trigger = triggerOf(row.schedule);
    const fires = firesOf(trigger, row);
    expect(fires).toEqual(instants(row.fires));
    for (const fire of fires) {
      if (fire === null) continue;
      expect(trigger.lastAtOrBefore(new Date(fire), new Date(Date.parse(fire) - 1))?.toISOString()).toBe(fire);
      if (row.jitterMs !== undefined) expectOnlyDelays(trigger, new Date(fire), row.jitterMs);
    }
  });

  it.each(rows.filter(isRefused).map((row) => [titleOf(row), row] as const))('is refused: %s', (_title, row) => {
    expect(() => triggerOf(row.schedule)).toThrow(InvalidTriggerError);
    expect(() => triggerOf(row.schedule)).toThrow(row.refused);
  });
});

describe('a difference from another system', () => {
  it('says what they do, which is something else, and why', () => {
    for (const row of ROWS) {
      expect(row.theirs !== undefined, titleOf(row)).toBe(row.difference !== undefined);
      if (isFiring(row) && typeof row.theirs === 'object') {
        expect(instants(row.theirs), titleOf(row)).not.toEqual(instants(row.fires.slice(0, row.theirs.length)));
      }
    }
  });

  it('is in the documentation', () => {
    const reference = readFileSync(new URL('../../../../docs/reference/triggers.md', import.meta.url), 'utf8');
    const section = reference.split(/^## /m).find((each) => each.startsWith('Differences from other systems')) ?? '';
    const missing = Object.values(DIFFERENCES).filter((title) => !section.includes(`- **${title}.**`));
    expect(missing).toEqual([]);
  });

  it('is one of a list in which none is without an example', () => {
    const used = new Set(ROWS.map(({ difference }) => difference).filter((key) => key !== undefined));
    expect([...used].toSorted()).toEqual(Object.keys(DIFFERENCES).toSorted());
  });
});

function isFiring(row: Row): row is FiringRow {
  return 'fires' in row;
}

function isRefused(row: Row): row is RefusedRow {
  return 'refused' in row;
}

function titleOf({ source, schedule, written }: Row): string {
  return `${JSON.stringify(schedule)} (${source}${written === undefined ? '' : `: ${written}`})`;
}

/** By its JSON, which takes instants as text. */
function triggerOf(schedule: Schedule): Trigger {
  if ('at' in schedule) return parseTrigger({ kind: 'at', at: schedule.at });
  if ('every' in schedule) return parseTrigger({ kind: 'every', ...schedule });
  const { cron, zone, ...rest } = schedule;
  return parseTrigger({ kind: 'cron', expression: cron, ...(zone !== undefined && { timeZone: zone }), ...rest });
}

/** As many as the row has, or all until its end; `null` where there are no more. */
function firesOf(trigger: Trigger, { from, after, until, fires }: FiringRow): Fires {
  const afterMs = from === undefined ? Date.parse(after!) : Date.parse(from) - 1;
  if (until !== undefined) return firesBetween(trigger, new Date(afterMs), new Date(until)).map(iso);
  const found: (string | null)[] = [];
  let fire: Date | null = new Date(afterMs);
  while (fire !== null && found.length < fires.length) {
    fire = trigger.nextAfter(fire);
    found.push(iso(fire));
  }
  return found;
}

function expectOnlyDelays(trigger: Trigger, fire: Date, jitterMs: number): void {
  for (const job of JOBS) {
    const delayMs = wakeAfterJitter(trigger, job, fire, jitterMs)!.getTime() - fire.getTime();
    expect(delayMs).toBeGreaterThanOrEqual(0);
    expect(delayMs).toBeLessThan(jitterMs);
  }
}

function instants(fires: Fires): Fires {
  return fires.map((fire) => iso(fire === null ? null : new Date(fire)));
}

function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
