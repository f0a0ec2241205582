import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import {
  aJob,
  aNode,
  aPass,
  advanceOf,
  CAPABILITY,
  decideAll,
  decisions,
  FAR_FUTURE,
  HOUR,
  PAST,
  plus,
  recordFor,
  SECOND,
} from '../builders.js';
import { added, executionOf, expectNothingChanged, idsOf, registered, running, seen, type Fixture } from './fixture.js';

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

export function passPromises(fixture: Fixture): void {
  describe('a pass looks', () => {
    it('at a due job, with its row and what is active of it', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob({ data: { to: 'ops' }, tags: ['daily'] }));
      const { jobs } = await seen(fixture.store, node);
      const nothing = { active: 0, stopping: 0, queued: 0, queuedFires: 0, pending: [] };
      expect(jobs).toEqual([{ job, isDue: true, ...nothing }]);
    });

    it.each([
      ['not due', aJob({ nextRunAt: FAR_FUTURE })],
      ['due later than its instant', aJob({ nextRunAt: PAST, wakeAt: FAR_FUTURE })],
      ['without a next run', aJob({ nextRunAt: null })],
      ['paused', aJob({ state: 'paused' })],
      ['finished', aJob({ state: 'finished' })],
      ['quarantined', aJob({ state: 'quarantined' })],
    ])('not at a job that is %s', async (_, job) => {
      const node = await registered(fixture.store);
      await added(fixture.store, job);
      expect(await seen(fixture.store, node)).toMatchObject({ jobs: [] });
    });

    it('not at a job that is for another node, although one of its own is as urgent', async () => {
      const node = await registered(fixture.store);
      await added(fixture.store, aJob(), aJob({ id: 'mail', capability: 'mail@default' }));
      expect(idsOf(await seen(fixture.store, node))).toEqual(['report']);
    });

    it('at the jobs that are due longest, and not at more than its limit', async () => {
      const node = await registered(fixture.store);
      const jobs = [3, 1, 4, 2, 5].map((n) => aJob({ id: `job-${n}`, nextRunAt: plus(PAST, n * SECOND) }));
      await added(fixture.store, ...jobs);
      expect(idsOf(await seen(fixture.store, node, { limit: 2 })).sort()).toEqual(['job-1', 'job-2']);
    });

    it('at what is due longest, however much is due of another capability', async () => {
      const node = await registered(fixture.store, { capabilities: ['mail@default', CAPABILITY] });
      const mails = NUMBERS.map((n) => aJob({ id: `mail-${n}`, capability: 'mail@default', nextRunAt: PAST }));
      await added(fixture.store, ...mails, aJob({ nextRunAt: plus(PAST, -SECOND) }));
      expect(idsOf(await seen(fixture.store, node, { limit: 3 }))).toContain('report');
    });

    it('not at what is due and could not be decided a moment ago', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob(), aJob({ id: 'other', nextRunAt: plus(PAST, SECOND) }));
      expect(idsOf(await seen(fixture.store, node, { limit: 1, undecided: [job!.uid] }))).toEqual(['other']);
    });

    it('at nothing with an empty list of capabilities', async () => {
      const node = await registered(fixture.store);
      await added(fixture.store, aJob());
      expect(await seen(fixture.store, node, { capabilities: [] })).toMatchObject({ jobs: [] });
    });
  });

  describe('a pass records', () => {
    it('the execution it claims, as the job says, under the first epoch', async () => {
      const node = await registered(fixture.store);
      const policies = { priority: 7, onNodeLoss: 'abandon', retry: { maxAttempts: 4 } } as const;
      const [job] = await added(fixture.store, aJob({ data: { to: 'ops' }, ...policies }));
      const { now, recorded, claimed } = await fixture.store.pass(aPass(node), decideAll);
      expect(claimed).toEqual([]);
      expect(recorded).toHaveLength(1);
      expect(recorded[0]).toMatchObject({
        jobId: job!.id,
        jobUid: job!.uid,
        capability: job!.capability,
        kind: 'schedule',
        status: 'running',
        scheduledAt: PAST,
        owner: node.incarnation,
        nodeName: node.nodeName,
        leaseEpoch: 1,
        attempt: 1,
        maxAttempts: 4,
        crashes: 0,
        onNodeLoss: 'abandon',
        priority: 7,
        startedAt: now,
        claimedAt: now,
        finishedAt: null,
        data: { to: 'ops' },
      });
      expect(await executionOf(fixture.store, recorded[0]!.id)).toEqual(recorded[0]);
    });

    it('and moves the job past the instant in the same step', async () => {
      const { job, execution } = await running(fixture.store);
      expect(job.nextRunAt).toEqual(plus(execution.startedAt!, HOUR));
      expect(job.wakeAt).toEqual(job.nextRunAt);
      expect(job).toMatchObject({ state: 'active', lastInstant: PAST, runCount: 1, version: 1 });
    });

    it('a range of missed instants as one row that is over already', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob());
      const untilAt = plus(PAST, 9 * SECOND);
      const missed = recordFor(job!, { status: 'missed', untilAt, instantCount: 10, reason: 'too late' });
      const { now } = await fixture.store.pass(aPass(node), () =>
        decisions({ records: [missed], advances: [advanceOf(job!, { runs: 0, tzVersion: '2026b' })] }),
      );
      const row = await executionOf(fixture.store, missed.id);
      expect(row).toMatchObject({ status: 'missed', untilAt, instantCount: 10, reason: 'too late' });
      expect(row).toMatchObject({ finishedAt: now, startedAt: null, owner: null, attempt: 0 });
      expect(await fixture.store.getJob(job!.id)).toMatchObject({
        runCount: 0,
        lastInstant: PAST,
        tzVersion: '2026b',
      });
    });

    it('an instant once, however often it is decided', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob());
      const again = () => decisions({ records: [recordFor(job!)] });
      const first = await fixture.store.pass(aPass(node), again);
      const second = await fixture.store.pass(aPass(node), again);
      expect(first.recorded).toHaveLength(1);
      expect(second.recorded).toEqual([]);
      expect((await fixture.store.getExecutions({})).items).toHaveLength(1);
    });

    it('what is new beside an instant that is recorded already, in the order given', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob());
      const [a, known, b] = [3, 2, 1].map((n) => recordFor(job!, { scheduledAt: plus(PAST, n), status: 'skipped' }));
      await fixture.store.pass(aPass(node), () => decisions({ records: [known!] }));
      const repeated = { ...known!, id: aNode().incarnation };
      const result = await fixture.store.pass(aPass(node), () => decisions({ records: [a!, repeated, b!] }));
      expect(result.recorded.map(({ id }) => id)).toEqual([a!.id, b!.id]);
    });
  });

  describe('a pass advances', () => {
    it('the last decided instant forward only', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob({ lastInstant: plus(PAST, HOUR) }));
      const advanceTo = async (lastInstant: Date | null) => {
        const advance = advanceOf(job!, { nextRunAt: PAST, lastInstant });
        await fixture.store.pass(aPass(node), () => decisions({ advances: [advance] }));
        return (await fixture.store.getJob(job!.id))!.lastInstant;
      };
      expect(await advanceTo(PAST)).toEqual(plus(PAST, HOUR));
      expect(await advanceTo(null)).toEqual(plus(PAST, HOUR));
      expect(await advanceTo(plus(PAST, 2 * HOUR))).toEqual(plus(PAST, 2 * HOUR));
    });

    it('a job without a next run to its end', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob());
      const { now } = await fixture.store.pass(aPass(node), () =>
        decisions({ records: [recordFor(job!)], advances: [advanceOf(job!, { nextRunAt: null })] }),
      );
      const row = await fixture.store.getJob(job!.id);
      expect(row).toMatchObject({ state: 'finished', nextRunAt: null, wakeAt: null, stateAt: now, runCount: 1 });
    });

    it('no job that is not active: a pause keeps its place', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob({ state: 'paused' }));
      await fixture.store.pass(aPass(node), () => decisions({ advances: [advanceOf(job!, { nextRunAt: null })] }));
      expect(await fixture.store.getJob(job!.id)).toEqual(job);
    });

    it('a job it cannot decide into quarantine, with the reason and its place, and the others as usual', async () => {
      const node = await registered(fixture.store);
      const [bad, good] = await added(fixture.store, aJob({ id: 'bad' }), aJob({ id: 'good' }));
      const quarantines = [{ uid: bad!.uid, reason: 'its trigger throws' }];
      const { now, quarantined } = await fixture.store.pass(aPass(node), () =>
        decisions({ records: [recordFor(good!)], advances: [advanceOf(good!)], quarantines }),
      );
      expect(quarantined).toEqual(quarantines);
      const row = await fixture.store.getJob('bad');
      const stateReason = 'its trigger throws';
      expect(row).toEqual({ ...bad, state: 'quarantined', stateReason, stateBy: null, stateAt: now });
      expect(await fixture.store.getJob('good')).toMatchObject({ state: 'active', runCount: 1 });
      expect(idsOf(await seen(fixture.store, node))).toEqual([]);
    });
  });

  it('quarantines only what is in the schedule: what a person has it run is not told again and again', async () => {
    const node = await registered(fixture.store);
    const [job] = await added(fixture.store, aJob({ state: 'quarantined' }));
    await fixture.store.addManualExecution(job!.id, { id: randomUUID(), data: null, reason: null });
    const { quarantined } = await fixture.store.pass(aPass(node), ({ jobs }) => {
      expect(jobs).toHaveLength(1);
      return decisions({ quarantines: [{ uid: job!.uid, reason: 'still wrong' }] });
    });
    expect(quarantined).toEqual([]);
    expect(await fixture.store.getJob(job!.id)).toEqual(job);
  });

  describe('a pass that fails changes nothing', () => {
    it('when deciding throws', async () => {
      const node = await registered(fixture.store);
      await added(fixture.store, aJob());
      await expectNothingChanged(fixture.store, () =>
        fixture.store.pass(aPass(node), () => {
          throw new Error('no decision');
        }),
      );
      expect((await fixture.store.pass(aPass(node), decideAll)).recorded).toHaveLength(1);
    });

    it('when its node has no row, for such a node owns nothing', async () => {
      await added(fixture.store, aJob());
      await expectNothingChanged(fixture.store, () => fixture.store.pass(aPass(aNode()), decideAll));
    });

    it('and what the engine does to its snapshot stays outside', async () => {
      const node = await registered(fixture.store);
      const [job] = await added(fixture.store, aJob({ data: { to: 'ops' } }));
      await fixture.store.pass(aPass(node), ({ jobs }) => {
        Object.assign(jobs[0]!.job, { data: null, nextRunAt: FAR_FUTURE });
        return decisions();
      });
      expect(await fixture.store.getJob(job!.id)).toEqual(job);
    });
  });
}
