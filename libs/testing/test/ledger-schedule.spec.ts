import { every } from 'nestjs-vigil';
import { describe, expect, it } from 'vitest';
import {
  formatVerdict,
  judgeSchedule,
  type Finding,
  type FindingKind,
  type JudgedExecution,
  type JudgeInput,
} from '../src/index.js';
import { at, execution, JOB, missed, run, step } from './support/ledger.js';

const ALL = [execution(1), execution(2), execution(3)];
const but = (second: number, more: Partial<JudgedExecution>): JudgedExecution[] =>
  ALL.map((each) => (each.id === `fire-${second}` ? { ...each, ...more } : each));

function judge(input: Partial<JudgeInput>) {
  return judgeSchedule({ jobs: [JOB], executions: ALL, attempts: [], until: at(3.9), ...input });
}

/** What was found, by kind and sentence. */
function found(input: Partial<JudgeInput>): [FindingKind, string][] {
  const verdict = judge(input);
  const lists = Object.values(verdict).filter((value): value is readonly Finding[] => Array.isArray(value));
  return lists.flat().map(({ kind, what }) => [kind, what]);
}

describe('The judge of a schedule is content', () => {
  const clean: [string, Partial<JudgeInput>][] = [
    ['with a record for each instant', {}],
    [
      'with a range in place of what did not run',
      {
        executions: [missed(1, { untilAt: at(11), instantCount: 11 }), execution(12)],
        jobs: [{ ...JOB, runCount: 1, nextRunAt: at(13), wakeAt: at(13), lastInstant: at(12) }],
        until: at(12.9),
      },
    ],
    [
      'with a few records in place of what did not run',
      { executions: [missed(1), missed(2), ALL[2]!], jobs: [{ ...JOB, runCount: 1 }] },
    ],
    [
      'with runs that nobody scheduled',
      { executions: [...ALL, execution(3.6, { kind: 'manual', finishedAt: at(3.7) })] },
    ],
    ['with a paused job whose instants go by', { jobs: [{ ...JOB, state: 'paused' }], until: at(60) }],
    [
      'with a job that has run as often as it may',
      { jobs: [{ ...JOB, state: 'finished', nextRunAt: null, wakeAt: null, maxRuns: 3 }], until: at(60) },
    ],
    [
      'with a history that was pruned, when it is said from when on',
      { executions: ALL.slice(2), schedules: { report: { from: at(2.5) } } },
    ],
    [
      'with a late start in an outage',
      {
        executions: but(3, { startedAt: at(60), finishedAt: at(61) }),
        lateAfterMs: 1_000,
        outages: [{ from: at(2), until: at(59.5) }],
      },
    ],
    [
      'with a late start that waited for room',
      {
        executions: [
          execution(1),
          execution(2, { finishedAt: at(30) }),
          execution(3, { startedAt: at(31), finishedAt: at(32) }),
        ],
        lateAfterMs: 1_000,
      },
    ],
    [
      'with a crash that was run again',
      {
        executions: but(3, { leaseEpoch: 3, crashes: 1, nodeName: 'node-b', claimedAt: at(81), finishedAt: at(90) }),
        attempts: [{ executionId: 'fire-3', attempt: 1, startedAt: at(3), finishedAt: at(80) }],
        runs: [
          run(1),
          run(2),
          run(3, { finishedAt: null }),
          run(3, { node: 'node-b', startedAt: at(81), finishedAt: at(82) }),
        ],
      },
    ],
  ];
  it.each(clean)('%s', (_what, input) => {
    const verdict = judge(input);
    expect(verdict.isClean, formatVerdict(verdict)).toBe(true);
    expect(formatVerdict(verdict)).toMatch(/^clean \(1 jobs, \d+ records/);
  });
});

describe('The judge of a schedule finds', () => {
  const running = { status: 'running', leaseEpoch: 1 } as const;
  const cases: [FindingKind, string, Partial<JudgeInput>, string][] = [
    [
      'missed',
      'an instant without a record',
      { executions: [ALL[0]!, ALL[2]!], jobs: [{ ...JOB, runCount: 2 }] },
      '00:00:02.000Z has no record',
    ],
    ['missed', 'what was due and never decided', { until: at(10) }, '7 instants from'],
    [
      'missed',
      'what a finished job left out',
      { jobs: [{ ...JOB, state: 'finished', nextRunAt: null, wakeAt: null }], until: at(10) },
      '7 instants from',
    ],
    [
      'doubled',
      'two records of one instant',
      { executions: [...ALL, missed(2, { id: 'again' })] },
      'has another record',
    ],
    [
      'doubled',
      'an instant that a range stands for, too',
      { executions: [...ALL, missed(2, { id: 'range', untilAt: at(3), instantCount: 2 })] },
      'has another record',
    ],
    [
      'doubled',
      'a claim that ran twice',
      { runs: [run(1), run(1, { startedAt: at(1.1) })] },
      'ran 2 times and was claimed 1',
    ],
    ['extra', 'a record beside the schedule', { executions: [...ALL, missed(2.5, { id: 'beside' })] }, 'is no instant'],
    ['extra', 'a run without a record', { runs: [run(9)] }, 'has no record'],
    [
      'overlapping',
      'more at once than is allowed',
      { executions: [execution(1, { finishedAt: at(3.5) }), execution(2, { finishedAt: at(4) }), ALL[2]!] },
      '2 executions are active',
    ],
    [
      'overlapping',
      'more handlers at work than is allowed',
      { executions: but(1, { finishedAt: at(2.5) }), runs: [run(1, { finishedAt: at(2.5) }), run(2)] },
      '2 handlers are at work',
    ],
    ['early', 'a start before its instant', { executions: but(2, { startedAt: at(1.9) }) }, '100 ms before'],
    [
      'late',
      'a start after the bound',
      { executions: but(3, { startedAt: at(20), finishedAt: at(21) }), lateAfterMs: 1_000 },
      '17000 ms after',
    ],
    [
      'late',
      'a start that an outage long ago does not explain',
      {
        executions: but(3, { startedAt: at(20), finishedAt: at(21) }),
        lateAfterMs: 1_000,
        outages: [{ from: at(0), until: at(5) }],
      },
      '17000 ms after',
    ],
    [
      'staleEpoch',
      'an outcome that was written while its owner still ran',
      { runs: [run(1, { finishedAt: at(1.9) })] },
      'had not ended',
    ],
    [
      'staleEpoch',
      'an outcome that only a former owner can have written',
      { runs: [run(1, { node: 'node-b' })] },
      'its run on node-a had not ended',
    ],
    [
      'unfinished',
      'what never ends',
      { executions: but(3, { status: 'running', owner: 'a', finishedAt: null }), isSettled: true },
      'still running',
    ],
    [
      'impossible',
      'a run without an owner',
      { executions: but(3, { status: 'running', finishedAt: null }) },
      'without an owner',
    ],
    ['impossible', 'an end without a time', { executions: but(3, { finishedAt: null }) }, 'has no end'],
    [
      'impossible',
      'an end before the start',
      { executions: but(3, { finishedAt: at(2.9) }) },
      'ended before it started',
    ],
    [
      'impossible',
      'a success that nobody claimed',
      { executions: but(3, { attempt: 0, leaseEpoch: 0, startedAt: null }) },
      'was never claimed',
    ],
    [
      'impossible',
      'more attempts than allowed',
      { executions: but(3, { attempt: 2, leaseEpoch: 2 }) },
      '2 attempts of at most 1',
    ],
    [
      'impossible',
      'attempts that are not kept',
      { executions: but(3, { status: 'pending', leaseEpoch: 2, maxAttempts: 3, finishedAt: null }) },
      'was claimed 2 times, and 0 earlier',
    ],
    [
      'impossible',
      'a range that is counted wrong',
      { executions: [missed(1, { untilAt: at(2), instantCount: 3 }), ALL[2]!], jobs: [{ ...JOB, runCount: 1 }] },
      'stands for 3 instants, and its job has 2',
    ],
    [
      'impossible',
      'a range of a few instants',
      { executions: [missed(1, { untilAt: at(2), instantCount: 2 }), ALL[2]!], jobs: [{ ...JOB, runCount: 1 }] },
      'stands for 2 instants: they have a record each',
    ],
    ['impossible', 'an active job that has no next run', { jobs: [{ ...JOB, nextRunAt: null }] }, 'no next run'],
    ['impossible', 'a next run that was decided before', { jobs: [{ ...JOB, lastInstant: at(4) }] }, 'would run next'],
    [
      'impossible',
      'a count of runs without their records',
      { jobs: [{ ...JOB, runCount: 4 }] },
      'counts 4 runs and has 3',
    ],
    [
      'impossible',
      'an epoch that shrank',
      { transitions: [step({ status: 'pending', leaseEpoch: 2 }, { status: 'pending', leaseEpoch: 1 })] },
      'shrank to 1',
    ],
    [
      'impossible',
      'what was over and is not',
      { transitions: [step({ status: 'failed', leaseEpoch: 1 }, { status: 'pending', leaseEpoch: 1 })] },
      'was failed for good',
    ],
    [
      'impossible',
      'a claim without a new epoch',
      { transitions: [step({ status: 'pending' }, { status: 'running' })] },
      'went from pending (epoch 0',
    ],
    [
      'impossible',
      'a run that was deleted',
      { transitions: [step(running, null)] },
      'was deleted while it was running',
    ],
    [
      'staleEpoch',
      'a run that changed hands without a new epoch',
      { transitions: [step(running, { ...running, owner: 'b' })] },
      'changed hands',
    ],
    [
      'staleEpoch',
      'an outcome by a stranger',
      {
        transitions: [
          step(null, running),
          step(running, { status: 'succeeded', leaseEpoch: 1 }, { applicationName: 'node-b' }),
        ],
      },
      'node-b wrote how it ended',
    ],
    [
      'early',
      'a claim before its offer',
      { transitions: [step({ status: 'pending', availableAt: at(5) }, running)] },
      '4000 ms before it was offered',
    ],
    [
      'overlapping',
      'a take-over before the lease was over',
      { transitions: [step(running, { status: 'pending', leaseEpoch: 2 }, { holderLeaseUntil: at(5) })] },
      'had 4000 ms left',
    ],
    ['impossible', 'a success that no handler noted', { runs: [run(1), run(2)] }, 'no handler noted it'],
    ['impossible', 'successes, and handlers that noted nothing', { runs: [] }, 'no handler noted it'],
    [
      'overlapping',
      'a claim beside what was active before the recording',
      {
        transitions: [
          step(null, running, { executionId: 'fire-2' }),
          step(running, { status: 'succeeded', leaseEpoch: 1 }),
        ],
      },
      '2 executions are active',
    ],
    [
      'overlapping',
      'claims beyond what is allowed, in the order of the writes',
      { transitions: [step(null, running), step(null, running, { executionId: 'fire-2' })] },
      '2 executions are active',
    ],
  ];
  it.each(cases)('%s: %s', (kind, _what, input, words) => {
    expect(found(input)).toContainEqual([kind, expect.stringContaining(words)]);
    expect(formatVerdict(judge(input))).toContain(words);
  });

  it('nothing in what a clock that was set makes look wrong', () => {
    const executions = but(2, { startedAt: at(1.9), finishedAt: at(1.8) });
    expect(judge({ executions }).isClean).toBe(false);
    expect(judge({ executions, isClockSet: true }).isClean).toBe(true);
  });

  it('one gap in days of a job that fires each second, at once', () => {
    const seconds = 3 * 86_400;
    const executions = Array.from({ length: seconds }, (_, index) => execution(index + 1)).filter(
      ({ id }) => id !== 'fire-70000',
    );
    const job = {
      ...JOB,
      nextRunAt: at(seconds + 1),
      wakeAt: at(seconds + 1),
      lastInstant: at(seconds),
      runCount: seconds - 1,
    };
    const beganMs = performance.now();
    expect(found({ jobs: [job], executions, until: at(seconds) })).toEqual([
      ['missed', `${at(70_000).toISOString()} has no record.`],
    ]);
    expect(performance.now() - beganMs).toBeLessThan(20_000);
  });

  it('a trigger that has to be given, and takes it', () => {
    const jobs = [{ ...JOB, trigger: { kind: 'own' } }];
    expect(() => judge({ jobs })).toThrow('Give it in "schedules"');
    expect(judge({ jobs, schedules: { report: { trigger: every('1s', { anchor: at(0) }) } } }).isClean).toBe(true);
  });
});
