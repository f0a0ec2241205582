import { formatVerdict, judgeSchedule, readSchedule, type ScheduleVerdict } from 'nestjs-vigil-testing';

import { query } from '../../support/ledger.js';
import type { Stage } from './stage.js';

/** What the judge says of a stage that has ended. */
export interface StageVerdict {
  runs: number;
  recorded: number;
  missed: number;
  doubled: number;
  overlapping: number;
  /** Everything else that was found. */
  other: number;
  /** Sentences, for people; empty when all is well. */
  findings: string;
}

export async function judgeStage(stage: Stage): Promise<StageVerdict> {
  const { place, diary, endedAt } = stage;
  const schedule = await readSchedule(place.url);
  const verdict = judgeSchedule({ ...schedule, runs: diary.runs, until: endedAt });
  const broken = [...(await brokenPromises(place.url)), ...(await leftRunning(stage))];
  const { missed, doubled, overlapping } = verdict;
  return {
    runs: diary.runs.length,
    recorded: schedule.executions.length,
    missed: missed.length,
    doubled: doubled.length,
    overlapping: overlapping.length,
    other: othersOf(verdict) + broken.length,
    findings: [...(verdict.isClean ? [] : [formatVerdict(verdict)]), ...broken].join('\n'),
  };
}

function othersOf({ extra, early, late, staleEpoch, impossible, unfinished }: ScheduleVerdict): number {
  return [extra, early, late, staleEpoch, impossible, unfinished].flat().length;
}

/** A node that leaves in good order has written how its runs ended, or given them back. */
async function leftRunning({ place, namesInOrder }: Stage): Promise<string[]> {
  const rows = await query<{ id: string; node: string }>(
    place.url,
    `SELECT id, node_name AS node FROM scheduler.job_execution WHERE status = 'running' AND node_name = ANY($1)`,
    [namesInOrder],
  );
  return rows.map(({ id, node }) => `execution ${id} is running on ${node}, which has left`);
}

/** Customers without a reminder and reminders without a customer: both were written in one transaction. */
async function brokenPromises(url: string): Promise<string[]> {
  const rows = await query<{ customer: string | null; job: string | null }>(
    url,
    `SELECT c.id AS customer, j.id AS job FROM customer c
     FULL JOIN (SELECT id FROM scheduler.job WHERE id LIKE 'remind-%') j ON j.id = 'remind-' || c.id
     WHERE c.id IS NULL OR j.id IS NULL`,
  );
  return rows.map(({ customer, job }) =>
    customer === null ? `${job} reminds nobody` : `${customer} signed up and has no reminder`,
  );
}
