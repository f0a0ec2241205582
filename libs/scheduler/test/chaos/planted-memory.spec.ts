import {
  formatVerdict,
  judgeSchedule,
  ManualClock,
  readSchedule,
  type FindingKind,
  type HandlerRun,
  type ScheduleVerdict,
} from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { PassUnresolvedError } from '../../src/store/errors.js';
import type { Decisions, JobStore, PassResult, PassSnapshot } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { aNode, type JobSpec } from '../engine/support.js';

type Plant = (store: JobStore) => JobStore;
type Pass = JobStore['pass'];
const nothing: Plant = (store) => store;

/** A store whose pass does something else. */
function withPass(store: JobStore, make: (pass: Pass) => Pass): JobStore {
  const pass = make((request, decide) => store.pass(request, decide));
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = key === 'pass' ? pass : Reflect.get(target, key);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/** Writes something else than what was decided. */
function writing(change: (decisions: Decisions) => Decisions): Plant {
  return (store) => withPass(store, (pass) => (request, decide) => pass(request, (seen) => change(decide(seen))));
}

/** Shows something else than what there is. */
function showing(change: (snapshot: PassSnapshot) => PassSnapshot): Plant {
  return (store) => withPass(store, (pass) => (request, decide) => pass(request, (seen) => decide(change(seen))));
}

/** The answer to the third pass that records something is lost, and `then` is what comes of it. */
function losing(then: (answer: PassResult) => PassResult): Plant {
  let recorded = 0;
  return (store) =>
    withPass(store, (pass) => async (request, decide) => {
      const answer = await pass(request, decide);
      return answer.recorded.length > 0 && ++recorded === 3 ? then(answer) : answer;
    });
}

/** One node, on a store with or without a defect, judged by what the store has in the end and the handlers saw. */
async function judged(plant: Plant, { job = {}, stepMs = 0, workMs = 0 }: Played): Promise<ScheduleVerdict> {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const runs: HandlerRun[] = [];
  const run: JobSpec['run'] = async ({ executionId, scheduledAt }) => {
    const noted: HandlerRun = { executionId, scheduledAt, startedAt: clock.now(), node: 'test-node' };
    runs.push(noted);
    if (workMs > 0) await clock.sleep(workMs);
    noted.finishedAt = clock.now();
  };
  const node = aNode([{ ...job, run }], { clock, store: plant(store) });
  await node.engine.start();
  await clock.advance(5_000);
  clock.step(stepMs);
  await clock.advance(5_400);
  return judgeSchedule({ ...(await readSchedule(store)), runs, until: clock.now() });
}

interface Played {
  job?: Omit<JobSpec, 'run'>;
  stepMs?: number;
  workMs?: number;
}

interface Case extends Played {
  what: string;
  plant: Plant;
  /** What it is compared with. @default a store as it is */
  sound?: Plant;
  found: Partial<Record<FindingKind, string>>;
}

function forgettingTheThird(): Plant {
  let recorded = 0;
  return writing((decisions) =>
    decisions.records.length > 0 && ++recorded === 3 ? { ...decisions, records: [] } : decisions,
  );
}

function withRecords(change: (records: Decisions['records']) => Decisions['records']): Plant {
  return writing((decisions) => ({ ...decisions, records: change(decisions.records) }));
}

const cases: Case[] = [
  {
    what: 'a job that is advanced before its fire is recorded, which then fails',
    plant: forgettingTheThird(),
    found: { missed: '2026-01-01T00:00:03.000Z has no record.' },
  },
  {
    what: 'coalescing that forgets the range of what it did not run',
    stepMs: 60_000,
    plant: withRecords((records) => records.filter(({ status }) => status !== 'missed')),
    found: { missed: '60 instants from 2026-01-01T00:00:06.000Z to 2026-01-01T00:01:05.999Z have no record.' },
  },
  {
    what: 'a range that is counted wrong',
    stepMs: 60_000,
    plant: withRecords((records) =>
      records.map((each) => (each.untilAt ? { ...each, instantCount: each.instantCount - 1 } : each)),
    ),
    found: { impossible: 'instants, and its job has' },
  },
  {
    what: 'an instant that is not of the schedule',
    plant: withRecords((records) =>
      records.map((each) => ({ ...each, scheduledAt: new Date(each.scheduledAt.getTime() - 250) })),
    ),
    found: { extra: 'is no instant of its job', missed: 'has no record' },
  },
  {
    what: 'room that is counted with a stale count',
    workMs: 1_500,
    plant: showing(({ now, jobs }) => ({ now, jobs: jobs.map((job) => ({ ...job, active: 0 })) })),
    found: { overlapping: 'maxInstances is 1' },
  },
  {
    what: 'a retry of a lost commit that does not read again what the first try did',
    workMs: 100,
    plant: losing((answer) => ({ ...answer, recorded: [...answer.recorded, ...answer.recorded] })),
    sound: losing(({ recorded }) => {
      throw new PassUnresolvedError(
        'The answer was lost.',
        recorded.map(({ jobUid }) => jobUid),
      );
    }),
    found: { doubled: 'It ran 2 times and was claimed 1 times.' },
  },
];

describe('The judge finds what is planted in a memory store, and nothing without it:', () => {
  it.each(cases.map((each) => [each.what, each] as const))('%s', async (_what, { plant, sound, found, ...played }) => {
    const clean = await judged(sound ?? nothing, played);
    expect(clean.isClean, formatVerdict(clean)).toBe(true);
    const verdict = await judged(plant, played);
    for (const [kind, what] of Object.entries(found)) {
      const findings = verdict[kind as FindingKind].map((finding) => finding.what);
      expect(findings, formatVerdict(verdict)).toContainEqual(expect.stringContaining(what));
    }
  });
});
