import { allOf, cron, every, InvalidJobError, JobConflictError } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, managing, Reminders } from './reminders.js';

const REMIND = [Reminders, 'remind'] as const;
const user = (n: number) => ({ user: `u${n}` });

describe('addJobs', () => {
  it('adds many jobs of one handler, each with its own schedule, data and settings, and announces each', async () => {
    const { scheduler } = await managing();
    using events = recordEvents(scheduler, ['job.added']);
    const jobs = [
      { id: 'a', in: '1h', data: user(1) },
      { id: 'b', cron: '0 9 * * *', timeZone: 'Europe/Paris', data: user(2), priority: 7 },
      { data: user(3) },
    ] as const;
    expect(await scheduler.addJobs(REMIND, jobs, { reason: 'import', by: 'anna' })).toEqual({ added: 3 });

    const { items } = await scheduler.getJobs({ handler: 'remind' });
    expect(items.find(({ id }) => id === 'a')).toMatchObject({ nextRunAt: at(60), by: 'anna', reason: 'import' });
    expect(items.find(({ id }) => id === 'b')?.settings).toMatchObject({ priority: 7, timeoutMs: 9_000 });
    expect(events.events.map(({ payload }) => payload.job.data)).toEqual([user(1), user(2), user(3)]);
  });

  it('of none adds none', async () => {
    const { scheduler } = await managing();
    expect(await scheduler.addJobs(REMIND, [])).toEqual({ added: 0 });
  });

  it('rejects, keeps or replaces when an id is taken', async () => {
    const { scheduler } = await managing();
    await scheduler.addJob({ id: 'x', handler: REMIND, every: '1h', data: user(0) });
    using events = recordEvents(scheduler, ['job.added']);
    const jobs = [
      { id: 'new', every: '2h', data: user(1) },
      { id: 'x', every: '2h', data: user(1) },
    ] as const;

    await expect(scheduler.addJobs(REMIND, jobs)).rejects.toBeInstanceOf(JobConflictError);
    expect(await scheduler.getJob('new')).toBeNull();
    expect(await scheduler.addJobs(REMIND, jobs, { onConflict: 'keep' })).toEqual({ added: 1 });
    expect(await scheduler.getJob('x')).toMatchObject({ schedule: 'every 1 hour', data: user(0) });
    expect(await scheduler.addJobs(REMIND, jobs, { onConflict: 'replace' })).toEqual({ added: 0 });
    expect(await scheduler.getJob('x')).toMatchObject({ schedule: 'every 2 hours', version: 2 });
    expect(events.events.map(({ payload }) => payload.job.id)).toEqual(['new']);
  });

  it('names every entry that is wrong by its place and id, and writes none', async () => {
    const { scheduler } = await managing();
    const never = allOf(every('2h', { anchor: at(1) }), cron('0 * * * *'));
    const jobs = [
      { id: 'fine', in: '1h', data: user(1) },
      { id: 'zoneless', cron: '0 9 * * *', timeZone: 'Europe/Pari', data: user(1) },
      { corn: '* * * * *' },
      null,
      { id: 'fine', in: '2h', data: user(1) },
      { id: 'never', trigger: never },
      { id: 'declared' },
      { handler: 'plain' },
    ];
    const error: unknown = await scheduler.addJobs(REMIND, jobs as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidJobError);
    expect((error as Error).message.split('\n')).toEqual([
      'addJobs: nothing was written, because 7 of 8 jobs cannot be.',
      expect.stringMatching(/^jobs\[1\] \("zoneless"\): .*"Europe\/Pari"/),
      expect.stringMatching(/^jobs\[2\]: "corn" is not an option here\. Known: /),
      expect.stringMatching(/^jobs\[3\]: expected an object with options, not null/),
      expect.stringMatching(/^jobs\[4\] \("fine"\): its id is that of jobs\[0\], too\. Give it another one\.$/),
      expect.stringMatching(/^jobs\[5\] \("never"\): .*after 10000 steps/),
      expect.stringMatching(
        /^jobs\[6\] \("declared"\): .*is the id of a @ScheduledJob\. Give the new job another id\.$/,
      ),
      expect.stringMatching(/^jobs\[7\]: "handler" is not an option here/),
    ]);
    expect((await scheduler.getJobs()).items).toHaveLength(1);
  });

  it('tells of the first ten that are wrong, and how many more there are', async () => {
    const { scheduler } = await managing();
    const jobs = Array.from({ length: 25 }, (_, n) => ({ id: `j${n}`, in: '1 fortnight' }));
    const error = await scheduler.addJobs(REMIND, jobs as never).catch((reason: unknown) => reason as Error);
    const lines = (error as Error).message.split('\n');
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe('… and 15 more like these.');
  });

  it.each<[string, unknown[], RegExp]>([
    ['no list', [REMIND, { id: 'a' }], /addJobs: jobs is an object\. Give a list/],
    [
      'more than it takes',
      [REMIND, Array(10_001).fill({})],
      /10001 entries, and one call takes 10000\. Call it for each/,
    ],
    ['a key', ['remind', []], /addJobs: handler is "remind"\. Write \[Class, 'method'\]/],
    ['a method that is no handler', [[Reminders, 'undecorated'], []], /Reminders\.undecorated is not a handler/],
    ['an unknown option of the call', [REMIND, [], { onconflict: 'keep' }], /"onconflict" is not an option here/],
    ['an unknown conflict rule', [REMIND, [], { onConflict: 'merge' }], /onConflict is "merge"/],
  ])('refuses %s', async (_, args, message) => {
    const { scheduler } = await managing();
    const addJobs = scheduler.addJobs.bind(scheduler) as (...args: unknown[]) => Promise<unknown>;
    await expect(addJobs(...args)).rejects.toThrow(message);
  });

  it('lets others go on while it works on ten thousand', async () => {
    const { scheduler } = await managing();
    const jobs = Array.from({ length: 10_000 }, (_, n) => ({ cron: '17 4 * * *', data: user(n) }));
    const turns = turnsOfTheEventLoop();
    expect(await scheduler.addJobs(REMIND, jobs)).toEqual({ added: 10_000 });
    expect(turns()).toBeGreaterThan(100);
  });
});

/** How often the event loop has turned since. */
function turnsOfTheEventLoop(): () => number {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return turns;
  };
}
