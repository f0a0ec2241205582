import { Injectable, type Provider } from '@nestjs/common';
import { every, JobContext, ScheduledJob, type SchedulerModuleOptions, type Trigger } from 'nestjs-vigil';
import { createDatabase, type TestDatabase } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, type Application } from './support/application.js';
import { CLEAN, createRunTable, judge, query } from './support/ledger.js';

const EACH_SECOND = '* * * * * *';
const NEVER = '0 0 0 1 1 *';

/** What a version of the application says of the job that fires each second. */
type Note = (by: string, context: JobContext) => Promise<void>;

const oldVersion = (note: Note, sale = NEVER): Provider[] => {
  @Injectable()
  class Reports {
    @ScheduledJob(EACH_SECOND, { id: 'tick', maxInstances: 20, misfire: 'all' })
    async tick(context: JobContext): Promise<void> {
      await note('old', context);
    }
    @ScheduledJob(sale, { id: 'sale' })
    async sale(context: JobContext): Promise<void> {
      await note('old', context);
    }
  }
  return [Reports];
};

/** The same jobs: in another class, by other methods, with other options, and one with another schedule. */
const newVersion = (note: Note, sale = '0 0 12 1 1 *'): Provider[] => {
  @Injectable()
  class Mails {
    @ScheduledJob(EACH_SECOND, {
      id: 'tick',
      maxInstances: 20,
      misfire: 'all',
      priority: 5,
      retry: { maxAttempts: 2 },
      tags: ['new'],
    })
    async send(context: JobContext): Promise<void> {
      await note('new', context);
    }
    @ScheduledJob(sale, { id: 'sale' })
    async sell(context: JobContext): Promise<void> {
      await note('new', context);
    }
  }
  return [Mails];
};

interface Place {
  database: TestDatabase;
  options: SchedulerModuleOptions;
  note: Note;
}

/** A database for a test, and what its handlers do. */
async function aPlace(): Promise<Place & AsyncDisposable> {
  const database = await createDatabase(inject('postgresUrl'));
  await createRunTable(database.url);
  await query(database.url, 'ALTER TABLE run ADD by text');
  const note: Note = async (by, { executionId, jobId, scheduledAt }) => {
    const sql = 'INSERT INTO run (execution_id, job_id, scheduled_at, by) VALUES ($1, $2, $3, $4)';
    await query(database.url, sql, [executionId, jobId, scheduledAt, by]);
  };
  // a beat every two seconds
  const options = { connection: { url: database.url }, leaseMs: 8_000 };
  return { database, options, note, [Symbol.asyncDispose]: () => database.drop() };
}

/** Until the job that fires each second has run so often, in whichever of them. */
async function ticks(count: number, ...applications: Application[]): Promise<void> {
  let seen = 0;
  const counted = ({ events }: Application) =>
    events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'tick' && (seen += 1) >= count, {
      from: events.events.length,
      timeoutMs: 60_000,
    });
  await Promise.any(applications.map(counted));
}

/** Looks after each tick. */
async function until(isSo: () => boolean | Promise<boolean>, ...applications: Application[]): Promise<void> {
  while (!(await isSo())) await ticks(1, ...applications);
}

const row = async (url: string, id: string): Promise<Record<string, unknown>> =>
  (await query<Record<string, unknown>>(url, 'SELECT * FROM scheduler.job WHERE id = $1', [id]))[0]!;

describe('A deploy is quiet:', () => {
  it('replicas are replaced one after the other, and no fire is lost or repeated', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    const old = [await startApplication(options, oldVersion(note)), await startApplication(options, oldVersion(note))];
    await ticks(2, ...old);
    const before = await row(database.url, 'tick');
    const fresh: Application[] = [];
    for (const replaced of old) {
      fresh.push(await startApplication(options, newVersion(note)));
      await ticks(2, replaced, ...fresh);
      await replaced.app.close();
      await ticks(2, ...fresh);
    }
    const after = await row(database.url, 'tick');
    for (const { app } of fresh) await app.close();

    const { uid, anchor, created_at } = before;
    expect(after).toMatchObject({ uid, anchor, created_at, version: 2, priority: 5, tags: ['new'] });
    const verdict = await judge(database.url, 'tick');
    expect(verdict).toMatchObject(CLEAN);
    expect(verdict.statuses).toEqual({ succeeded: verdict.instants });
    const by = await query(database.url, `SELECT DISTINCT by FROM run WHERE job_id = 'tick' ORDER BY by`);
    expect(by).toEqual([{ by: 'new' }, { by: 'old' }]);
    expect((await row(database.url, 'tick')).run_count).toBe(verdict.instants);
    for (const { logger } of [...old, ...fresh]) expect(logger.text).not.toMatch(/^(warn|error) (?!Nothing listens)/m);
  });

  it('unchanged code touches nothing', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    const old = await startApplication(options, oldVersion(note));
    await moreRuns(old, 2);
    await old.scheduler.pauseJob('sale', { reason: 'holidays' });
    const sale = await row(database.url, 'sale');
    const { uid, version, anchor } = await row(database.url, 'tick');
    await old.app.close();
    await using again = await startApplication(options, oldVersion(note));
    await moreRuns(again, 1);
    expect(await row(database.url, 'sale')).toEqual(sale);
    expect(await row(database.url, 'tick')).toMatchObject({ uid, version, anchor });
  });

  it('the newest version is in force while both live; a rollback converges, and so does the way forward', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    await using old = await startApplication(options, oldVersion(note));
    const trigger = async () => ((await row(database.url, 'sale')).trigger as { expression: string }).expression;
    const fresh = await startApplication(options, newVersion(note));
    expect(await trigger()).toBe('0 0 12 1 1 *');
    await using restarted = await startApplication(options, oldVersion(note));
    await ticks(5, old, restarted);
    expect(await trigger()).toBe('0 0 12 1 1 *');

    await fresh.app.close();
    await until(async () => (await trigger()) === NEVER, old, restarted);
    await using forward = await startApplication(options, newVersion(note));
    expect(await trigger()).toBe('0 0 12 1 1 *');
    await old.app.close();
    await restarted.app.close();
    await ticks(5, forward);
    expect(await trigger()).toBe('0 0 12 1 1 *');
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });

  it('code that was seen before is in force when the other version has left, although nobody restarts', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    await (await startApplication(options, oldVersion(note))).app.close();
    const second = await startApplication(options, newVersion(note));
    await using redeployed = await startApplication(options, oldVersion(note));
    await ticks(1, second, redeployed);
    expect(await row(database.url, 'tick')).toMatchObject({ priority: 5 });
    await second.app.close();
    await until(async () => (await row(database.url, 'tick')).priority === 0, redeployed);
  });

  it('a renamed job fires under its new id only, and a line says which one left when the old version has', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    const named = (id: string): Provider[] => {
      @Injectable()
      class Hearts {
        @ScheduledJob(EACH_SECOND, { id, maxInstances: 20 })
        async beat(context: JobContext): Promise<void> {
          await note(id, context);
        }
      }
      return [Hearts];
    };
    const old = await startApplication(options, [...oldVersion(note), ...named('heart')]);
    await using fresh = await startApplication(options, [...oldVersion(note), ...named('pulse')]);
    await ticks(5, old, fresh);
    expect(fresh.logger.text).not.toContain('left');
    await old.app.close();
    const { last_instant: left } = await row(database.url, 'heart');
    await until(() => fresh.logger.text.includes('Job "heart" left, "pulse" appeared with the same schedule'), fresh);
    await moreRuns(fresh, 1, 'pulse');
    expect(fresh.logger.text).toContain(`keep id: 'heart'`);
    expect(await row(database.url, 'heart')).toMatchObject({ state: 'active', last_instant: left });
    expect(await judge(database.url, 'pulse')).toMatchObject(CLEAN);
    expect(await query(database.url, `SELECT DISTINCT job_id FROM run WHERE by <> job_id AND by = 'pulse'`)).toEqual(
      [],
    );
  });

  it('what was due by a schedule that was changed while nothing ran is recorded, not run and not forgotten', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    await (await startApplication(options, oldVersion(note))).app.close();
    const due = new Date(Date.now() - 3_600_000);
    await query(database.url, `UPDATE scheduler.job SET next_run_at = $1, wake_at = $1 WHERE id = 'sale'`, [due]);
    await using fresh = await startApplication(options, newVersion(note, '30 30 3 * * *'));
    const { items } = await fresh.scheduler.getExecutions({ jobId: 'sale' });
    const reason = 'its schedule was changed by a deploy';
    expect(items).toMatchObject([{ status: 'missed', scheduledAt: due, reason }]);
    expect(fresh.logger.text).toContain(`warn Job "sale" missed its fire of ${due.toISOString()}: ${reason}.`);
    const next = (await fresh.scheduler.getJob('sale'))!.nextRunAt!;
    expect(next.getTime()).toBeGreaterThan(Date.now());
    expect(next.toISOString()).toMatch(/T03:30:30/);
  });

  it('jobs that were added at run time go on, whatever became of the jobs of their method', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    const [Reports] = oldVersion(note) as [new () => { tick(context: JobContext): Promise<void> }];
    const old = await startApplication(options, [Reports]);
    await old.scheduler.addJob({ id: 'later', handler: [Reports, 'tick'], in: '1h' });
    const added = await row(database.url, 'later');
    await old.app.close();

    @Injectable()
    class Other {
      @ScheduledJob(EACH_SECOND, { id: 'tick', maxInstances: 20 })
      async run(context: JobContext): Promise<void> {
        await note('other', context);
      }
    }
    const without = await startApplication(options, [Other]);
    await without.scheduler.runJob('later');
    await moreRuns(without, 2);
    expect(await row(database.url, 'later')).toEqual(added);
    await without.app.close();
    expect(await query(database.url, `SELECT by FROM run WHERE job_id = 'later'`)).toEqual([]);

    await using back = await startApplication(options, oldVersion(note));
    await back.events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'later');
    expect(await query(database.url, `SELECT by FROM run WHERE job_id = 'later'`)).toEqual([{ by: 'old' }]);
    expect(await row(database.url, 'later')).toEqual(added);
  });

  it('a trigger that throws fails no boot: its job is quarantined, and runs with the code that mends it', async () => {
    await using place = await aPlace();
    const { database, options, note } = place;
    const ownTrigger = (nextAfter: Trigger['nextAfter']): Provider[] => {
      const trigger: Trigger = {
        nextAfter,
        lastAtOrBefore: (instant, notBefore) => every('1s').lastAtOrBefore(instant, notBefore),
        describe: () => 'on working days',
        toJSON: () => ({ kind: 'working-days' }),
      };
      @Injectable()
      class Own {
        @ScheduledJob({ id: 'own', trigger, maxInstances: 20 })
        async run(context: JobContext): Promise<void> {
          await note('own', context);
        }
      }
      return [Own];
    };
    const broken = ownTrigger(() => {
      throw new Error('the calendar is away');
    });
    const first = await startApplication(options, [...oldVersion(note), ...broken]);
    await moreRuns(first, 2);
    const state = { state: 'quarantined', reason: expect.stringMatching('the calendar is away') as string };
    expect(await first.scheduler.getJob('own')).toMatchObject(state);
    expect(first.logger.text).toMatch(/error Job "own" cannot be run and is quarantined; all others go on/);
    await first.app.close();
    const mended = ownTrigger((after) => every('1s').nextAfter(after));
    await using second = await startApplication(options, [...oldVersion(note), ...mended]);
    await moreRuns(second, 2, 'own');
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });
});
