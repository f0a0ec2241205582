import { Injectable, type Type } from '@nestjs/common';
import { every, JobContext, JobHandler, MemoryJobStore, ScheduledJob, type Trigger } from 'nestjs-vigil';
import { ManualClock } from 'nestjs-vigil-testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { boot, type Booted } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;

let clock: ManualClock;
let store: MemoryJobStore;
/** What ran: the method and the job. */
let ran: string[];
beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryJobStore({ clock });
  ran = [];
});

type Methods = Record<string, MethodDecorator[]>;
interface Version {
  className?: string;
  methods: Methods;
}

/** A provider as one version of an application has it. */
function provider({ className = 'Reports', methods }: Version): Type {
  @Injectable()
  class Provider {}
  Object.defineProperty(Provider, 'name', { value: className });
  for (const [name, decorators] of Object.entries(methods)) {
    const value = ({ jobId }: JobContext): void => void ran.push(`${className}.${name} ${jobId}`);
    Object.defineProperty(Provider.prototype, name, { value, writable: true, configurable: true });
    const descriptor = Object.getOwnPropertyDescriptor(Provider.prototype, name)!;
    for (const decorator of decorators) decorator(Provider.prototype, name, descriptor);
  }
  return Provider;
}

function running(...providers: Type[]): Promise<Booted> {
  return boot({ clock, scheduler: { store }, providers });
}

async function stopped({ app }: Booted): Promise<void> {
  const closing = app.close();
  await clock.advance(0);
  await closing;
}

/** What ran since this was last asked, and in that time. */
async function ranIn(ms: number): Promise<string[]> {
  await clock.advance(ms);
  return ran.splice(0);
}

const scheduled = ScheduledJob as unknown as (options: object) => MethodDecorator;
const each = (seconds: number, id?: string, options = {}): MethodDecorator =>
  scheduled({ ...(id === undefined ? {} : { id }), every: `${seconds}s`, ...options });
const handles = (key?: string): MethodDecorator => JobHandler(key) as MethodDecorator;

describe('A job whose id changed', () => {
  it.each<[string, Version, Version, { left: string; runs: string }]>([
    [
      'from one to another',
      { methods: { run: [each(10, 'old')] } },
      { methods: { run: [each(10, 'new')] } },
      { left: 'old', runs: 'Reports.run new' },
    ],
    [
      'from the default to another',
      { methods: { run: [each(10)] } },
      { methods: { run: [each(10, 'new')] } },
      { left: 'Reports.run', runs: 'Reports.run new' },
    ],
    [
      'to the default',
      { methods: { run: [each(10, 'old')] } },
      { methods: { run: [each(10)] } },
      { left: 'old', runs: 'Reports.run Reports.run' },
    ],
    [
      'with the name of its method',
      { methods: { run: [each(10)] } },
      { methods: { send: [each(10)] } },
      { left: 'Reports.run', runs: 'Reports.send Reports.send' },
    ],
    [
      'with the name of its class',
      { methods: { run: [each(10)] } },
      { className: 'Mails', methods: { run: [each(10)] } },
      { left: 'Reports.run', runs: 'Mails.run Mails.run' },
    ],
    [
      'beside another job of its method',
      { methods: { run: [each(10, 'old'), each(40, 'other')] } },
      { methods: { run: [each(10, 'new'), each(40, 'other')] } },
      { left: 'old', runs: 'Reports.run new' },
    ],
  ])('fires under the new one only, and says so: %s', async (_, before, after, { left, runs }) => {
    await stopped(await running(provider(before)));
    const { logs } = await running(provider(after));

    expect(await ranIn(35 * SECOND)).toEqual([runs, runs, runs]);
    expect(await store.getJob(left)).toMatchObject({ state: 'active', runCount: 0 });
    const [, appeared] = runs.split(' ');
    const line = `Job "${left}" left, "${appeared}" appeared with the same schedule (every 10 seconds).`;
    expect(logs.messages('warn').filter((message) => message.includes('left'))).toEqual([
      expect.stringMatching(`^${line.replace(/[().]/g, '\\$&')} If .*, keep id: '${left}'`),
    ]);
  });

  it('is known again by a schedule that is drawn by its id', async () => {
    const drawn = (id: string): Version => ({ methods: { run: [scheduled({ id, cron: 'H H 1 1 *' })] } });
    await stopped(await running(provider(drawn('old'))));
    const { logs } = await running(provider(drawn('new')));
    expect(logs.messages('warn')).toContainEqual(expect.stringMatching(/^Job "old" left, "new" appeared/));
  });

  it('is not said to have left while nodes that declare it live, nor when nothing with its schedule appeared', async () => {
    const old = await running(provider({ methods: { run: [each(10, 'old')], other: [each(20, 'deleted')] } }));
    const fresh = await running(provider({ methods: { run: [each(10, 'new')], other: [each(30, 'quite-new')] } }));
    const said = () => fresh.logs.messages('warn').filter((message) => message.includes('left'));
    await clock.advance(2 * MINUTE);
    expect(said()).toEqual([]);
    await stopped(old);
    await clock.advance(2 * MINUTE);
    expect(said()).toEqual([expect.stringMatching(/^Job "old" left, "new" appeared/)]);
  });

  it('leaves the old one to a node that declares it, and labelled orphaned when there is none for a day', async () => {
    const old = await running(provider({ methods: { run: [each(10, 'old')] } }));
    const fresh = await running(provider({ className: 'Mails', methods: { run: [each(20, 'new')] } }));
    expect((await ranIn(25 * SECOND)).toSorted()).toEqual(['Mails.run new', 'Reports.run old', 'Reports.run old']);
    await stopped(old);
    await clock.advance(DAY + 20 * MINUTE);
    expect(await store.getJob('old')).toMatchObject({ state: 'active', orphanedAt: expect.any(Date) });
    expect(fresh.logs.messages('warn')).toContain('Job "old" is orphaned: for a day no live node has declared it.');
  });
});

describe('A job that is not declared any more', () => {
  it.each<[string, MethodDecorator[]]>([
    ['removed', []],
    ['disabled', [each(10, 'job', { disabled: true })]],
    ['the handler of jobs of run time only', [handles()]],
  ])('is claimed by nobody, and runs again where it is back: %s', async (_, decorators) => {
    const declared = { methods: { run: [each(10, 'job')] } };
    await stopped(await running(provider(declared)));
    const without = await running(provider({ methods: { run: decorators, other: [each(100)] } }));
    expect(await ranIn(50 * SECOND)).toEqual([]);
    expect(await store.getJob('job')).toMatchObject({ state: 'active', version: 1 });
    await stopped(without);
    await running(provider(declared));
    // what came due meanwhile is the misfire policy's
    expect(await ranIn(15 * SECOND)).toEqual(['Reports.run job', 'Reports.run job']);
  });
});

describe('A handler that changed under a job that keeps its id', () => {
  it.each<[string, Version, Version, string]>([
    [
      'another method',
      { methods: { run: [each(10, 'job')] } },
      { methods: { send: [each(10, 'job')] } },
      'Reports.send',
    ],
    [
      'another class',
      { methods: { run: [each(10, 'job')] } },
      { className: 'Mails', methods: { run: [each(10, 'job')] } },
      'Mails.run',
    ],
    [
      'a method that has become a handler, too',
      { methods: { run: [each(10, 'job')] } },
      { methods: { run: [each(10, 'job'), handles('mails')] } },
      'Reports.run',
    ],
    [
      'a method that has one more job',
      { methods: { run: [each(10, 'job')] } },
      { methods: { run: [each(10, 'job'), each(1_000, 'more')] } },
      'Reports.run',
    ],
  ])('runs what waits, and changes nothing in the row: %s', async (_, before, after, where) => {
    const old = await running(provider(before));
    const row = await store.getJob('job');
    await stopped(old);
    await store.addManualExecution('job', { id: '00000000-0000-4000-8000-000000000001', data: null, reason: null });
    await running(provider(after));
    expect(await ranIn(5 * SECOND)).toEqual([`${where} job`]);
    expect(await store.getJob('job')).toEqual(row);
  });

  it('swapped with that of another job: each id runs what the code of the node has for it', async () => {
    const old = await running(provider({ methods: { first: [each(10, 'a')], second: [each(10, 'b')] } }));
    expect((await ranIn(15 * SECOND)).toSorted()).toEqual(['Reports.first a', 'Reports.second b']);
    await stopped(old);
    await running(provider({ methods: { first: [each(10, 'b')], second: [each(10, 'a')] } }));
    expect((await ranIn(8 * SECOND)).toSorted()).toEqual(['Reports.first b', 'Reports.second a']);
  });
});

describe('A job that was added at run time', () => {
  const soon = { id: 'ann', in: '20s' } as const;
  const add = ({ scheduler }: Booted, target: Type, method = 'run') =>
    scheduler.addJob({ ...soon, handler: [target, method as never] });

  it.each<[string, Version, Version, string]>([
    [
      'its method’s job has another id',
      { methods: { run: [each(100, 'a')] } },
      { methods: { run: [each(100, 'b')] } },
      'Reports.run',
    ],
    [
      'its method’s job has an id',
      { methods: { run: [each(100)] } },
      { methods: { run: [each(100, 'b')] } },
      'Reports.run',
    ],
    [
      'its method has another job',
      { methods: { run: [each(100, 'a')] } },
      { methods: { run: [each(100, 'a'), each(100, 'b')] } },
      'Reports.run',
    ],
    [
      'its method’s job is disabled',
      { methods: { run: [each(100, 'a')] } },
      { methods: { run: [each(100, 'a', { disabled: true })] } },
      'Reports.run',
    ],
    [
      'its method has lost its job and is a handler',
      { methods: { run: [each(100, 'a')] } },
      { methods: { run: [handles()] } },
      'Reports.run',
    ],
    [
      'its class has another name, and the handler a key',
      { methods: { run: [handles('mails')] } },
      { className: 'Mails', methods: { run: [handles('mails')] } },
      'Mails.run',
    ],
  ])('runs when %s', async (_, before, after, where) => {
    const target = provider(before);
    const old = await running(target);
    await add(old, target);
    const row = await store.getJob('ann');
    await stopped(old);
    await running(provider(after));
    expect(await store.getJob('ann')).toEqual(row);
    expect(await ranIn(30 * SECOND)).toEqual([`${where} ann`]);
  });

  it('keeps its id: a declared job that has it does not run, and a line says so', async () => {
    const target = provider({ methods: { run: [handles('mails')] } });
    const old = await running(target);
    await add(old, target);
    await stopped(old);
    const methods = { run: [handles('mails')], other: [each(5, 'ann')] };
    const { logs } = await running(provider({ methods }));
    expect(await ranIn(30 * SECOND)).toEqual(['Reports.run ann']);
    expect(logs.messages('warn')).toContain(
      'Job "ann" is declared by a @ScheduledJob, and was added at run time before: the one that was added goes on, and ' +
        'the declared one does not run. Give the declared one another id.',
    );
  });

  it.each<[string, Type[]]>([
    ['a minified one', [provider({ className: 'a', methods: { run: [each(100, 'job')] } })]],
    [
      'one of two of a name',
      [provider({ methods: { run: [each(100, 'one')] } }), provider({ methods: { run: [each(100, 'two')] } })],
    ],
  ])('asks for a key when its class has no name that rows could keep: %s', async (_, providers) => {
    const booted = await running(...providers);
    expect((await store.getJobs({})).items).toHaveLength(providers.length);
    await expect(add(booted, providers[0]!)).rejects.toThrow(
      /has no name of its own that rows could keep.*Decorate it with @JobHandler\('…'\)/,
    );
  });
});

describe('A trigger of one’s own', () => {
  const state = { isBroken: true };
  const working = every('10s');
  const fragile: Trigger = {
    nextAfter: (instant) => {
      if (state.isBroken) throw new Error('the calendar is away');
      return working.nextAfter(instant);
    },
    lastAtOrBefore: (instant, notBefore) => working.lastAtOrBefore(instant, notBefore),
    describe: () => 'on working days',
    toJSON: () => ({ kind: 'working-days' }),
  };
  const declared = { methods: { run: [scheduled({ id: 'job', trigger: fragile })], other: [each(10, 'other')] } };
  beforeEach(() => void (state.isBroken = true));

  it.each([
    ['', false],
    [', with catchUp', true],
  ])(
    'that throws at the boot quarantines its job, which can be resumed when it no longer does%s',
    async (_, catchUp) => {
      const { scheduler, logs } = await running(provider(declared));
      expect(logs.messages('error')).toEqual([
        'Job "job" cannot be run and is quarantined; all others go on. Why: the calendar is away (resumeJob("job") tries again)',
      ]);
      expect(await ranIn(15 * SECOND)).toEqual(['Reports.other other']);
      await expect(scheduler.resumeJob('job', { catchUp })).rejects.toThrow('the calendar is away');
      state.isBroken = false;
      const next = new Date('2026-01-01T00:00:20Z');
      expect(await scheduler.resumeJob('job', { catchUp })).toMatchObject({ state: 'active', nextRunAt: next });
      expect((await ranIn(15 * SECOND)).toSorted()).toEqual(['Reports.other other', 'Reports.run job']);
      expect((await store.getExecutions({ jobId: 'job', status: 'missed' })).items).toEqual([]);
    },
  );

  it('whose toJSON() fails, or gives what JSON has not, fails the boot and says where', async () => {
    const bad = (toJSON: () => object): Type =>
      provider({ methods: { run: [scheduled({ trigger: { ...fragile, toJSON } })] } });
    const failing = bad(() => {
      throw new Error('nothing to say');
    });
    await expect(running(failing)).rejects.toThrow(/Reports\.run: .*its trigger's toJSON\(\) failed: nothing to say\./);
    await expect(running(bad(() => ({ text: '\0' })))).rejects.toThrow(/Reports\.run: .*U\+0000/);
  });
});

it('A fire that the new schedule does not run is told', async () => {
  await stopped(await running(provider({ methods: { run: [each(10, 'job')] } })));
  await clock.advance(5 * MINUTE + 5 * SECOND);
  const { logs } = await running(provider({ methods: { run: [each(7, 'job')] } }));
  expect(logs.messages('warn')).toContain(
    'Job "job" missed 30 fires, from 2026-01-01T00:00:10.000Z to 2026-01-01T00:05:00.000Z: its schedule was changed by a deploy.',
  );
});
