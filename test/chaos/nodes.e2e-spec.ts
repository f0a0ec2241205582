import { describe, expect } from 'vitest';

import { query } from '../support/ledger.js';
import { IS_FULL, scenario } from './support/scenario.js';
import { Stage } from './support/stage.js';

const LEASE_MS = IS_FULL ? 60_000 : 4_000;
const DEATH = { withinSeconds: (2 * LEASE_MS) / 1_000 + 30, timeoutMs: 300_000 };
const options = { leaseMs: LEASE_MS };

describe('A node fails, and nothing is lost, doubled or overlapping:', () => {
  scenario(`a node is killed at work (leases of ${LEASE_MS / 1_000} s)`, DEATH, async (stage) => {
    const doomed = await stage.boot({ name: 'doomed', options });
    await stage.boot({ name: 'other', options });
    await stage.warmUp();
    const run = await stage.untilAtWork('doomed', 'slow');
    stage.kill(doomed);
    await stage.rerun(run);
  });

  scenario(`a node is frozen at work for three leases, and goes on`, DEATH, async (stage) => {
    const frozen = await stage.boot({ name: 'frozen', options });
    await stage.boot({ name: 'other', options });
    await stage.warmUp();
    const run = await stage.untilAtWork('frozen', 'slow');
    frozen.process.kill('SIGSTOP');
    await stage.rerun(run);
    await stage.lasts(LEASE_MS);
    frozen.process.kill('SIGCONT');
    await stage.diary.runAfter(performance.now(), null, 30_000, 'frozen');
    await stage.goOn();
  });

  scenario(`a node is cut off at work for longer than its lease`, DEATH, async (stage) => {
    await stage.boot({ name: 'cut off', options });
    await stage.boot({ name: 'other', options, url: stage.place.url });
    await stage.warmUp();
    const run = await stage.untilAtWork('cut off', 'slow');
    stage.proxy.silence('all');
    await stage.rerun(run);
    stage.proxy.heal();
    await stage.diary.runAfter(performance.now(), null, 30_000, 'cut off');
    await stage.goOn();
  });

  scenario('a run that kills three processes is abandoned, and its job says so', DEATH, async (stage) => {
    const quick = { leaseMs: 1_000 };
    await stage.boot({ name: 'witness', options: { ...quick, runJobs: false } });
    let victim = await stage.boot({ name: 'victim-1', options: quick });
    await stage.warmUp();
    victim.process.stdin!.write('add {"id":"poison","handler":"poison","in":"10ms"}\n');
    for (const next of ['victim-2', 'victim-3', 'survivor']) {
      stage.killed.add(victim);
      await victim.exited;
      victim = await stage.boot({ name: next, options: quick });
    }
    await stage.goOn(5, 'survivor');
    const rows = await query(
      stage.place.url,
      `SELECT status, crashes FROM scheduler.job_execution WHERE job_id = 'poison'`,
    );
    expect(rows).toEqual([{ status: 'abandoned', crashes: 3 }]);
    const [job] = await query<{ reason: string }>(
      stage.place.url,
      `SELECT state_reason AS reason FROM scheduler.job WHERE id = 'poison'`,
    );
    expect(job?.reason).toMatch(/took down 3 processes and was abandoned$/);
  });

  scenario('the clock of a node jumps an hour forward, two back, and forward again', {}, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    for (const ms of [3_600_000, -7_200_000, 3_600_000]) {
      node.process.stdin!.write(`step ${ms}\n`);
      await stage.recoveryFrom(performance.now());
    }
  });

  scenario(
    '50 schedulers in four processes start at once on a server with 200 connections',
    { open: () => Stage.onOwnServer({ settings: { max_connections: '200' } }), withinSeconds: 60, timeoutMs: 240_000 },
    async (stage) => {
      const startedMs = performance.now();
      const nodes = [13, 13, 12, 12].map((count, index) =>
        stage.start({
          name: `process-${index}`,
          environment: { SCHEDULERS: String(count), SHOP_URL: '' },
        }),
      );
      await Promise.all(nodes.map((node) => node.waitFor(({ booted }) => booted === true, 'booted')));
      await stage.recovery(startedMs);
      const [count] = await query(stage.place.url, 'SELECT count(*)::int AS nodes FROM scheduler.node');
      expect(count).toEqual({ nodes: 50 });
    },
  );

  scenario('the application keeps every connection of its own pool busy, and lends its settings', {}, async (stage) => {
    await stage.boot({ environment: { SHOP_URL: stage.proxy.url, LEND: '1' } });
    await stage.warmUp();
    await stage.recoveryFrom(performance.now());
  });
});
