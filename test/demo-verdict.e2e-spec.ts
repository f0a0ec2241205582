import { Test } from '@nestjs/testing';
import { SchedulerModule } from 'nestjs-vigil';
import { createDatabase, readSchedule, recordTransitions, type FindingKind } from 'nestjs-vigil-testing';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';

import { EveryFireJob } from '../src/outage-demo/every-fire.job.js';
import { judgeJobs } from '../src/outage-demo/judgement.js';
import { RunDiary } from '../src/outage-demo/run.diary.js';
import { printVerdict, type Evidence } from '../src/outage-demo/verdict.js';

const FIRES = 4;
const RECOVERY = { outage: 'cut', seconds: 0.3, limitSeconds: 2 };
const AROUND = { reminders: { customers: 3, broken: 0 }, recoveries: [RECOVERY] };

type Played = Awaited<ReturnType<typeof play>>;
let played: Played;
let good: Evidence;

/** A job of the demonstration fires a few times, and nothing is wrong. */
async function play() {
  await using database = await createDatabase(inject('postgresUrl'));
  const diary = new RunDiary();
  const module = await Test.createTestingModule({
    imports: [SchedulerModule.forRoot({ connection: { url: database.url }, aroundJob: diary.around })],
    providers: [EveryFireJob],
  }).compile();
  module.useLogger(false);
  await module.init();
  await recordTransitions(database.url);
  for (let lastMs = 0; diary.runs.length < FIRES; lastMs = diary.runs.at(-1)?.startedMs ?? 0) {
    if (!(await diary.firstRun('every-fire', lastMs, 30_000))) throw new Error('Nothing ran.');
  }
  const stoppedAt = new Date();
  await module.close();
  const schedule = await readSchedule(database.url);
  // by the time of their instants
  const executions = [...schedule.executions].sort((a, b) => a.scheduledAt.getTime() - b.scheduledAt.getTime());
  return { ...schedule, executions, transitions: schedule.transitions ?? [], heard: diary.runs, stoppedAt };
}

let printed: string[];
beforeAll(async () => {
  played = await play();
  good = { ...judgeJobs(played, played.heard, played.stoppedAt), ...AROUND };
});
beforeEach(() => {
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});
afterEach(() => vi.restoreAllMocks());

it('The demonstration passes when everything is as promised, and its table accounts for each fire', () => {
  expect(printVerdict(good), printed.join('\n')).toBe(true);
  expect(printed.at(-1)).toContain('PASSED');
  const count = played.executions.length;
  expect(count).toBeGreaterThanOrEqual(FIRES);
  expect(good.jobs).toEqual([
    { jobId: 'every-fire', due: count, ran: count, failed: 0, notRun: 0, lost: 0, twice: 0, wrong: 0 },
  ]);
});

describe('The demonstration fails, and says what is wrong, when', () => {
  /** The second record, changed. */
  const second = (change: object): Partial<Played> => ({
    executions: played.executions.map((row, index) => (index === 1 ? { ...row, ...change } : row)),
  });
  const added = (change: object): Partial<Played> => ({
    executions: [...played.executions, { ...played.executions[1]!, id: randomUUID(), ...change }],
  });
  const idOf = (index: number) => played.executions[index]?.id;
  const shifted = (ms: number) => new Date(played.executions[1]!.scheduledAt.getTime() + ms);

  it.each<[string, FindingKind, () => Partial<Played>]>([
    ['a record is gone', 'missed', () => ({ executions: played.executions.filter(({ id }) => id !== idOf(1)) })],
    ['a fire is recorded twice', 'doubled', () => added({})],
    ['a handler is called twice', 'doubled', () => ({ heard: [...played.heard, played.heard[1]!] })],
    ['something ran that was not due', 'extra', () => added({ scheduledAt: shifted(300) })],
    ['a run starts before its instant', 'early', () => second({ startedAt: shifted(-5) })],
    [
      'a job runs beside itself',
      'overlapping',
      () => ({ transitions: played.transitions.filter((one) => one.executionId !== idOf(0) || one.from === null) }),
    ],
    [
      'a result is written that is not of the run',
      'staleEpoch',
      () => ({
        heard: played.heard.map((run) => ({ ...run, finishedAt: new Date(run.startedAt.getTime() + 60_000) })),
      }),
    ],
    [
      'a result is of no run',
      'impossible',
      () => ({ heard: played.heard.filter(({ executionId }) => executionId !== idOf(1)) }),
    ],
    ['a run is left running', 'impossible', () => second({ status: 'running', owner: randomUUID(), finishedAt: null })],
    [
      'a job was stopped by an error',
      'impossible',
      () => ({ jobs: played.jobs.map((job) => ({ ...job, state: 'quarantined' as const })) }),
    ],
  ])('%s', (_, kind, defect) => {
    const broken = { ...played, ...defect() };
    const judgement = judgeJobs(broken, broken.heard, broken.stoppedAt);
    expect(printVerdict({ ...good, ...judgement })).toBe(false);
    expect(printed.at(-1)).toContain('FAILED');
    expect(printed.filter((line) => line.startsWith('  NO '))).not.toEqual([]);
    expect(printed.join('\n')).toMatch(new RegExp(`^${kind}: \\d+\n {2}every-fire\\b`, 'm'));
  });
});

it.each<[string, () => Partial<Evidence>]>([
  ['no job is judged', () => ({ jobs: [] })],
  ['nobody watched the writes', () => judgeJobs({ ...played, transitions: undefined }, played.heard, played.stoppedAt)],
  ['a customer has no reminder', () => ({ reminders: { customers: 3, broken: 1 } })],
  ['nobody signed up', () => ({ reminders: { customers: 0, broken: 0 } })],
  ['jobs ran again too late', () => ({ recoveries: [RECOVERY, { ...RECOVERY, seconds: 2.1 }] })],
  ['jobs never ran again', () => ({ recoveries: [{ ...RECOVERY, seconds: null }] })],
])('The demonstration fails when %s', (_, evidence) => {
  expect(printVerdict({ ...good, ...evidence() })).toBe(false);
  expect(printed.at(-1)).toContain('FAILED');
  expect(printed.filter((line) => line.startsWith('  NO '))).toHaveLength(1);
});

it('The demonstration fails when the judge finds what no line is about', () => {
  const late = [{ kind: 'late' as const, jobId: 'every-fire', what: 'It started 9000 ms after its instant.' }];
  expect(printVerdict({ ...good, verdict: { ...good.verdict, late, isClean: false } })).toBe(false);
  expect(printed.join('\n')).toContain('every-fire: It started 9000 ms after its instant.');
});
