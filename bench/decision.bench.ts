import { randomUUID } from 'node:crypto';

import { expect, it } from 'vitest';

import { decide } from '../libs/scheduler/src/engine/decide.js';
import { HandlerRegistry } from '../libs/scheduler/src/engine/handler-registry.js';
import { draftJob, newJobRow } from '../libs/scheduler/src/engine/job-draft.js';
import type { JobSnapshot } from '../libs/scheduler/src/store/job-store.js';
import { cron } from '../libs/scheduler/src/triggers/cron.trigger.js';
import { every } from '../libs/scheduler/src/triggers/interval.trigger.js';
import type { Trigger } from '../libs/scheduler/src/triggers/trigger.js';
import { measure, print } from './measure.js';

const CREATED = new Date('2026-01-01T00:00:00.000Z');
const JOBS = 1_000;

/** A thousand jobs as a pass finds them that are due at the same instant, their triggers read from their rows. */
function due(trigger: (place: number) => Trigger): () => void {
  const registry = new HandlerRegistry();
  const rows = Array.from({ length: JOBS }, (_, place) => {
    const schedule = { kind: 'trigger' as const, trigger: trigger(place), maxRuns: null, jitterMs: 0 };
    const input = { id: randomUUID(), handler: 'job', schedule, data: null, source: 'dynamic' as const, settings: [] };
    const row = newJobRow(draftJob(input), CREATED);
    return { ...row, trigger: JSON.parse(JSON.stringify(row.trigger)) as object };
  });
  let now = new Date(Math.max(...rows.map(({ nextRunAt }) => Number(nextRunAt))));
  let jobs: JobSnapshot[] = rows.map((job) => ({
    job,
    isDue: true,
    active: 0,
    stopping: 0,
    queued: 0,
    queuedFires: 0,
    pending: [],
  }));
  return () => {
    const context = {
      canRun: () => true,
      triggerOf: (job: (typeof rows)[number]) => registry.triggerOf(job),
      slots: new Map([['default', JOBS]]),
    };
    const { advances } = decide({ now, jobs }, context);
    const next = new Map(advances.map((advance) => [advance.uid, advance]));
    jobs = jobs.map((snapshot) => ({ ...snapshot, job: { ...snapshot.job, ...next.get(snapshot.job.uid) } }));
    now = new Date(Math.max(...jobs.map(({ job }) => Number(job.nextRunAt))));
  };
}

it('what a pass computes for a job that is due', () => {
  const zones = ['Europe/Paris', 'America/New_York', 'Asia/Tokyo', 'UTC'];
  const answers = measure(
    [
      { name: 'all every 15 minutes', ask: due(() => every('15m')) },
      { name: 'one expression for all', ask: due(() => cron('*/15 * * * *', { timeZone: 'Europe/Paris' })) },
      {
        name: 'as many expressions as jobs',
        ask: due((place) =>
          cron(`${place % 60} ${Math.floor(place / 60)} * * *`, { timeZone: zones[place % zones.length]! }),
        ),
      },
    ].map((question) => ({ ...question, repeated: 1 })),
  ).map((answer) => ({ ...answer, microseconds: answer.microseconds / JOBS, spread: answer.spread / JOBS }));
  print('A decision, with two or three next runs in it', answers);
  expect(answers).toHaveLength(3);
});
