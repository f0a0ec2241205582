import { Injectable, type Type } from '@nestjs/common';
import {
  cron,
  every,
  InvalidJobError,
  InvalidTriggerError,
  JobHandler,
  MemoryJobStore,
  OnSchedulerEvent,
  ScheduledJob,
  type JobInfo,
  type Trigger,
} from 'nestjs-vigil';
import { describe, expect, it } from 'vitest';

import { boot } from './support.js';

const NEVER = '0 0 0 1 1 *';

/** As plain JavaScript sees the decorators: they take anything. */
const scheduled = ScheduledJob as unknown as (...args: unknown[]) => MethodDecorator;
const handler = JobHandler as unknown as (...args: unknown[]) => MethodDecorator;
const onEvent = OnSchedulerEvent as unknown as (...args: unknown[]) => MethodDecorator;

function providerWith(...decorators: MethodDecorator[]): Type {
  @Injectable()
  class Reports {
    run(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Reports.prototype, 'run')!;
  for (const decorator of decorators.toReversed()) decorator(Reports.prototype, 'run', descriptor);
  return Reports;
}

async function jobsOf(...providers: Type[]): Promise<JobInfo[]> {
  const { scheduler } = await boot({ providers });
  return (await scheduler.getJobs()).items;
}

describe('@ScheduledJob', () => {
  it('takes an expression, an object with a schedule, and a factory with what it needs', async () => {
    @Injectable()
    class Config {
      readonly every = '10m' as const;
    }
    @Injectable()
    class Forms {
      @ScheduledJob('0 30 7 * * 1-5', { timeZone: 'Europe/Paris', priority: 3 })
      text(): void {}
      @ScheduledJob({ every: '15m', data: { region: 'eu' } })
      object(context: { data: { region: string } }): void {
        void context;
      }
      @ScheduledJob({
        id: 'made',
        inject: [Config],
        useFactory: (config) => Promise.resolve({ every: config.every, tags: ['made'] }),
      })
      factory(): void {}
      @ScheduledJob({ trigger: every('7m') })
      trigger(): void {}
    }
    const jobs = await jobsOf(Config, Forms);

    expect(jobs.map(({ id, handler: key, source, data }) => ({ id, key, source, data }))).toEqual([
      { id: 'Forms.object', key: 'Forms.object', source: 'code', data: { region: 'eu' } },
      { id: 'Forms.text', key: 'Forms.text', source: 'code', data: null },
      { id: 'Forms.trigger', key: 'Forms.trigger', source: 'code', data: null },
      { id: 'made', key: 'made', source: 'code', data: null },
    ]);
    expect(jobs.map(({ settings }) => [settings.priority, settings.tags])).toEqual([
      [0, []],
      [3, []],
      [0, []],
      [0, ['made']],
    ]);
  });

  it('declares several jobs of one method, each under its own id', async () => {
    const jobs = await jobsOf(
      providerWith(scheduled({ id: 'eu', cron: NEVER }), scheduled({ id: 'us', cron: NEVER }), scheduled(NEVER)),
    );
    expect(jobs.map(({ id, handler: key }) => [id, key])).toEqual([
      ['Reports.run', 'Reports.run'],
      ['eu', 'eu'],
      ['us', 'us'],
    ]);
  });

  it('does not declare a disabled job, nor look at its schedule', async () => {
    const disabled = scheduled({ id: 'off', cron: undefined, disabled: true });
    expect(await jobsOf(providerWith(disabled, scheduled(NEVER)))).toEqual([
      expect.objectContaining({ id: 'Reports.run' }),
    ]);
  });

  it('lets the module defaults give way to @JobHandler, and that to @ScheduledJob', async () => {
    const { scheduler } = await boot({
      scheduler: {
        store: new MemoryJobStore(),
        defaults: { timeoutMs: 1, maxInstances: 1, misfire: 'skip' },
      },
      providers: [
        providerWith(
          handler({ timeoutMs: 2, maxInstances: 2, executor: 'default' }),
          scheduled(NEVER, { timeoutMs: 3 }),
        ),
      ],
    });
    const job = await scheduler.getJob('Reports.run');
    expect(job?.settings).toMatchObject({ timeoutMs: 3, maxInstances: 2, misfire: 'skip', overlap: 'skip' });
  });

  const badTrigger: Trigger = { ...cron(NEVER), nextAfter: undefined } as unknown as Trigger;
  it.each<[string, MethodDecorator[], RegExp]>([
    ['a misspelt option', [scheduled({ corn: NEVER })], /Reports\.run: "corn" is not an option here\. Known: .*cron/s],
    ['an option of addJob', [scheduled({ at: new Date() })], /"at" is not an option here/],
    ['no schedule', [scheduled({ priority: 1 })], /Reports\.run: it has no schedule/],
    ['two schedules', [scheduled({ cron: NEVER, every: '1m' })], /"cron" and "every" are both given/],
    ['a bad expression', [scheduled('* * *')], /Reports\.run: .*is not a cron expression/],
    ['a bad zone', [scheduled(NEVER, { timeZone: 'Paris' })], /"Paris" is not an IANA time zone/],
    ['a bad trigger', [scheduled({ trigger: badTrigger })], /"trigger" has no method nextAfter/],
    ['a bad setting', [scheduled(NEVER, { overlap: 'never' })], /overlap is "never"\. Write one of/],
    ['an unknown executor', [scheduled(NEVER, { executor: 'fast' })], /no executor "fast"\. Executors: default/],
    ['data that is not JSON', [scheduled(NEVER, { data: { at: new Date() } })], /data\.at is a Date/],
    ['an id that is no text', [scheduled(NEVER, { id: 7 })], /id is 7\. Write a text/],
    ['maxRuns of 0', [scheduled(NEVER, { maxRuns: 0 })], /maxRuns is 0/],
    [
      'disabled that is no boolean',
      [scheduled(NEVER, { disabled: 'false' })],
      /disabled is "false"\. Write true or false/,
    ],
    [
      'a factory beside a schedule',
      [scheduled({ cron: NEVER, useFactory: () => ({}) })],
      /"cron" is not an option here/,
    ],
    [
      'a factory that throws',
      [
        scheduled({
          useFactory: () => {
            throw new Error('CRON is not set');
          },
        }),
      ],
      /Reports\.run: CRON is not set/,
    ],
    ['a factory without a schedule', [scheduled({ useFactory: () => ({}) })], /it has no schedule/],
    ['a factory that gives nothing', [scheduled({ useFactory: () => undefined })], /expected an object with options/],
    ['a dependency that is missing', [scheduled({ inject: ['CFG'], useFactory: () => ({}) })], /Reports\.run: .*CFG/],
    [
      'two jobs without an id',
      [scheduled(NEVER), scheduled('@daily')],
      /2 of them without an id\. Give all but one an id/,
    ],
    [
      'two jobs of one id',
      [scheduled({ id: 'a', cron: NEVER }), scheduled({ id: 'a', cron: NEVER })],
      /"a" is declared twice/,
    ],
    ['two handlers on one method', [handler('a'), handler('b')], /@JobHandler stands twice on Reports\.run/],
    ['a handler key that is no text', [handler({ key: 5 })], /the key is 5/],
    [
      'a misspelt setting of a handler',
      [handler({ kye: 'x' })],
      /@JobHandler on Reports\.run: "kye" is not an option here/,
    ],
    ['an unknown event', [onEvent('job.pausd')], /Reports\.run: "job\.pausd" is not an event\. Events: .*job\.paused/s],
  ])('fails the boot at %s, and says where', async (_, decorators, message) => {
    const booting = boot({ providers: [providerWith(...decorators)] });
    await expect(booting).rejects.toThrow(message);
    const error: unknown = await booting.catch((reason: unknown) => reason);
    expect(error instanceof InvalidJobError || error instanceof InvalidTriggerError).toBe(true);
  });

  it('refuses static methods, properties, standard decorators and options that are none where they are written', () => {
    expect(() => providerWith(scheduled(null))).toThrow(/Reports\.run: expected an object with options, not null/);
    expect(() => providerWith(handler(7))).toThrow(/@JobHandler on Reports\.run: expected an object .*not 7/);
    expect(() => {
      class Wrong {
        @ScheduledJob(NEVER)
        static run(): void {}
      }
      return Wrong;
    }).toThrow(/Wrong\.run: it is static.*Remove "static"/);
    expect(() => scheduled(NEVER)(class {}.prototype, 'field', undefined as never)).toThrow(/it is not a method/);
    const standard = scheduled(NEVER) as unknown as (value: unknown, context: object) => void;
    expect(() => standard(() => {}, { kind: 'method', name: 'run' })).toThrow(/experimentalDecorators/);
  });

  it('fails the boot when two classes of one name would share a row', async () => {
    const twins = boot({ providers: [providerWith(handler()), providerWith(handler())] });
    await expect(twins).rejects.toThrow(/Two handlers have the key "Reports\.run".*another key/s);
  });
});

describe('Minified class names', () => {
  function minified(...decorators: MethodDecorator[]): Type {
    const provider = providerWith(...decorators);
    Object.defineProperty(provider, 'name', { value: 'a' });
    return provider;
  }

  it.each([
    ['a job without an id', scheduled(NEVER), /the class name "a" looks minified.*@ScheduledJob\(\{ id/s],
    ['a handler without a key', handler(), /the class name "a" looks minified.*@JobHandler\('/s],
  ])('fail the boot for %s', async (_, decorator, message) => {
    await expect(boot({ providers: [minified(decorator)] })).rejects.toThrow(message);
  });

  it('stay out of the rows of jobs that have an id', async () => {
    const jobs = await jobsOf(minified(scheduled({ id: 'report', cron: NEVER })));
    expect(jobs).toEqual([expect.objectContaining({ id: 'report', handler: 'report' })]);
  });
});
