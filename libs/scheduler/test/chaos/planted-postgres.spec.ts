import {
  createDatabase,
  formatVerdict,
  judgeSchedule,
  readSchedule,
  recordTransitions,
  type HandlerRun,
  type ScheduleVerdict,
} from 'nestjs-vigil-testing';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { NodeRegistration } from '../../src/store/job-store.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { at } from '../../src/triggers/date.trigger.js';
import { advanceOf, aNode, aPass, claimAll, decisions, outcomeOf, recordFor } from '../store/builders.js';
import { aStore, sql } from '../store/typeorm-store.support.js';

const HANDLER = 'work';

interface TestNode {
  store: TypeOrmJobStore;
  registration: NodeRegistration;
}

/** Two nodes by name, a database that records transitions, and a job that is due. */
class Scene {
  readonly runs: HandlerRun[] = [];
  readonly #nodes = new Map<string, TestNode>();

  private constructor(readonly url: string) {}

  static async open(): Promise<Scene> {
    const database = await createDatabase(inject('postgresUrl'));
    onTestFinished(database.drop);
    const scene = new Scene(database.url);
    const { store } = await scene.node('node-a');
    await recordTransitions(database.url);
    const schedule = {
      kind: 'trigger',
      trigger: at(new Date(Date.now() - 1_000)),
      maxRuns: null,
      jitterMs: 0,
    } as const;
    const draft = draftJob({ id: 'job', handler: HANDLER, schedule, data: null, source: 'dynamic', settings: [] });
    await store.addJobs((now) => [newJobRow(draft, now)], 'error');
    return scene;
  }

  async node(nodeName: string): Promise<TestNode> {
    const found = this.#nodes.get(nodeName);
    if (found) return found;
    const store = aStore('scheduler', { connection: { url: this.url }, applicationName: nodeName });
    await store.open('default');
    onTestFinished(() => store.close());
    const registration = aNode({ nodeName, capabilities: [`${HANDLER}@default`], leaseMs: 60_000 });
    await store.registerNode(registration);
    this.#nodes.set(nodeName, { store, registration });
    return { store, registration };
  }

  /** The node records the fire, claims it, and its handler begins. */
  async fire(nodeName: string): Promise<JobExecutionEntity> {
    const { store, registration } = await this.node(nodeName);
    const { recorded } = await store.pass(aPass(registration), ({ jobs }) =>
      decisions({
        records: jobs.map(({ job }) => recordFor(job)),
        advances: jobs.map(({ job }) => advanceOf(job, { nextRunAt: null })),
      }),
    );
    return this.#begun(nodeName, recorded);
  }

  /** The node claims what waits, and its handler begins. */
  async claim(nodeName: string): Promise<JobExecutionEntity> {
    const { store, registration } = await this.node(nodeName);
    const { claimed } = await store.pass(aPass(registration), claimAll);
    return this.#begun(nodeName, claimed);
  }

  /** The node's handler ends, and its outcome is written. */
  async complete(nodeName: string, execution: JobExecutionEntity): Promise<void> {
    const run = this.runs.findLast(({ node }) => node === nodeName);
    if (run) run.finishedAt = new Date();
    await (await this.node(nodeName)).store.complete([outcomeOf(execution)]);
  }

  /** Its lease ends by the database's clock. */
  async die(nodeName: string): Promise<void> {
    const { store, registration } = await this.node(nodeName);
    await store.beat(registration.incarnation, -1);
  }

  async rescue(by: string, dead: string): Promise<void> {
    const { incarnation } = (await this.node(dead)).registration;
    const [row] = await this.query(`SELECT beat FROM scheduler.node WHERE incarnation = '${incarnation}'`);
    await (await this.node(by)).store.rescue(incarnation, String(row?.['beat']));
  }

  async query(text: string, applicationName = 'psql') {
    const url = new URL(this.url);
    url.searchParams.set('application_name', applicationName);
    return await sql(text, [], url.href);
  }

  async judge({ withTransitions = true } = {}): Promise<ScheduleVerdict> {
    const { transitions, ...schedule } = await readSchedule(this.url);
    const seen = withTransitions ? { transitions } : {};
    return judgeSchedule({ ...schedule, ...seen, runs: this.runs, until: new Date(), isSettled: true });
  }

  #begun(node: string, [execution]: readonly JobExecutionEntity[]): JobExecutionEntity {
    if (execution === undefined) throw new Error(`${node} claimed nothing.`);
    const { id, scheduledAt } = execution;
    this.runs.push({ executionId: id, scheduledAt, startedAt: new Date(), finishedAt: null, node });
    return execution;
  }
}

function expectClean(verdict: ScheduleVerdict): void {
  expect(verdict.judged.transitions).toBeGreaterThan(0);
  expect(verdict.isClean, formatVerdict(verdict)).toBe(true);
}

describe('The judge finds what is planted in a database, and nothing without it:', () => {
  const again = `INSERT INTO scheduler.job_execution
    SELECT (jsonb_populate_record(e, '{"id": "00000000-0000-4000-8000-000000000000"}')).* FROM scheduler.job_execution e`;

  it('a second record of an instant, where no index forbids it', async () => {
    const sound = await Scene.open();
    await sound.complete('node-a', await sound.fire('node-a'));
    await expect(sound.query(again)).rejects.toThrow('job_execution_fire');
    expectClean(await sound.judge());

    const planted = await Scene.open();
    await planted.complete('node-a', await planted.fire('node-a'));
    await planted.query('DROP INDEX scheduler.job_execution_fire');
    await planted.query(again);
    expect((await planted.judge()).doubled).toMatchObject([{ what: expect.stringContaining('has another record') }]);
  });

  /** What `node-a` ran is taken over by `node-b`, and then `node-a` is back with its outcome. */
  async function takeOver(write: (scene: Scene, late: JobExecutionEntity) => Promise<unknown>): Promise<Scene> {
    const scene = await Scene.open();
    const late = await scene.fire('node-a');
    await scene.die('node-a');
    await scene.rescue('node-b', 'node-a');
    const mine = await scene.claim('node-b');
    await write(scene, late);
    await scene.complete('node-b', mine);
    return scene;
  }
  const unfenced = (scene: Scene, { id }: JobExecutionEntity): Promise<unknown> =>
    scene.query(
      `UPDATE scheduler.job_execution SET status = 'succeeded', owner = NULL, finished_at = now() WHERE id = '${id}'`,
      'node-a',
    );

  it('an outcome that is written without a look at the epoch', async () => {
    const sound = await takeOver((scene, late) => scene.complete('node-a', late));
    expectClean(await sound.judge());

    const planted = await takeOver(unfenced);
    const { staleEpoch } = await planted.judge();
    expect(staleEpoch).toContainEqual(expect.objectContaining({ what: expect.stringContaining('node-a wrote') }));
    const fromRuns = await planted.judge({ withTransitions: false });
    expect(fromRuns.staleEpoch).toMatchObject([{ what: expect.stringContaining('its run on node-b had not ended') }]);
  });

  it('a take-over before the lease is over', async () => {
    const take = `UPDATE scheduler.job_execution SET status = 'pending', owner = NULL, lease_epoch = lease_epoch + 1,
      crashes = crashes + 1, attempt = attempt - 1`;
    const planted = await Scene.open();
    await planted.fire('node-a');
    await planted.query(take, 'node-b');
    await planted.complete('node-b', await planted.claim('node-b'));
    expect((await planted.judge()).overlapping).toMatchObject([{ what: expect.stringContaining('whose lease had') }]);
  });

  it.each([
    ['what is over is changed again', `UPDATE scheduler.job_execution SET finished_at = now()`, 'for good'],
    [
      'what is over runs again',
      `UPDATE scheduler.job_execution SET status = 'pending', finished_at = NULL`,
      'became pending',
    ],
  ])('a step that no execution may take: %s', async (_what, statement, words) => {
    const scene = await Scene.open();
    await scene.complete('node-a', await scene.fire('node-a'));
    expectClean(await scene.judge());
    await scene.query(statement);
    const { impossible } = await scene.judge();
    expect(impossible).toContainEqual(expect.objectContaining({ what: expect.stringContaining(words) }));
  });
});
