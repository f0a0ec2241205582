import { describe } from 'vitest';

import { query } from '../support/ledger.js';
import { IS_FULL, REFUSED, scenario, UNANSWERED } from './support/scenario.js';
import {
  addStandby,
  configure,
  failWrites,
  holdTableLocked,
  takeAllConnections,
  terminateConnections,
} from './support/server-faults.js';
import { fullDisk, onSmallDisk } from './support/small-disk.js';
import { Stage } from './support/stage.js';

const OWN = { open: () => Stage.onOwnServer() };
const TERMINATING = IS_FULL ? 20 : 8;
const FEW_CONNECTIONS = { open: () => Stage.onOwnServer({ settings: { max_connections: '15' } }) };

describe('The server fails, and nothing is lost, doubled or overlapping:', () => {
  scenario('the server is restarted, as by pg_ctl restart -m immediate', OWN, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await stage.server.restart('immediate');
    await stage.recovery(performance.now());
  });

  scenario(`the server is killed and is down for ${REFUSED} s`, OWN, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await stage.server.kill();
    await stage.lasts(REFUSED * 1_000);
    await stage.server.start();
    await stage.recovery(performance.now());
  });

  scenario(`the server is frozen for ${UNANSWERED} s and goes on`, OWN, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await stage.server.freeze();
    await stage.lasts(UNANSWERED * 1_000);
    const answersMs = performance.now();
    await stage.server.thaw();
    await stage.recovery(answersMs);
  });

  scenario(`every connection is terminated, five times a second for ${TERMINATING} s`, {}, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    const endMs = performance.now() + TERMINATING * 1_000;
    while (performance.now() < endMs) await terminateConnections(stage);
    await stage.recovery(performance.now());
  });

  scenario(`all connections are taken (53300) for ${REFUSED} s`, FEW_CONNECTIONS, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    const from = node.lines.length;
    const others = await takeAllConnections(stage);
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected', from);
    await stage.lasts(REFUSED * 1_000);
    await others.leave();
    await stage.recovery(performance.now());
  });

  scenario(`the server accepts no writes (25006) for ${REFUSED} s`, OWN, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    const from = node.lines.length;
    await configure(stage, 'default_transaction_read_only', 'on');
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected', from);
    await stage.lasts(REFUSED * 1_000);
    await configure(stage, 'default_transaction_read_only', 'off');
    await stage.recovery(performance.now());
  });

  scenario('the primary is gone, and its standby is promoted 2 s later', OWN, async (stage) => {
    const standby = await addStandby(stage);
    await stage.boot({ environment: { SHOP_URL: stage.proxy.url } });
    await stage.warmUp();
    await stage.server.kill();
    await stage.lasts(2_000);
    stage.moveTo({ url: standby.url, server: standby });
    await query(standby.url, 'SELECT pg_promote()');
    await stage.recovery(performance.now());
  });

  scenario('the disk is full (53100) for 8 s', { open: onSmallDisk }, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await using disk = await fullDisk(stage);
    await stage.lasts(8_000);
    await disk.free();
    await stage.recovery(performance.now());
  });
});

describe('The server refuses single statements, and nothing is lost, doubled or overlapping:', () => {
  scenario(`statements are ended after 1 ms (57014) for ${REFUSED} s`, OWN, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await configure(stage, 'statement_timeout', '1ms');
    await stage.lasts(REFUSED * 1_000);
    await query(`${stage.place.url}?options=-c%20statement_timeout%3D0`, 'ALTER SYSTEM RESET statement_timeout');
    await query(`${stage.place.url}?options=-c%20statement_timeout%3D0`, 'SELECT pg_reload_conf()');
    await stage.recovery(performance.now());
  });

  scenario('somebody locks the ledger (55P03) for 8 s', {}, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    await using lock = await holdTableLocked(stage, 'job_execution');
    await stage.lasts(8_000);
    await lock.release();
    await stage.recovery(performance.now());
  });

  for (const [what, sqlState] of [
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
    ['a statement timeout', '57014'],
    ['an error of the disk', '58030'],
  ] as const) {
    scenario(`a third of the writes fail with ${what} (${sqlState}) for ${REFUSED} s`, {}, async (stage) => {
      await stage.boot();
      await stage.warmUp();
      const planted = await failWrites(stage, sqlState, 1 / 3);
      await stage.lasts(REFUSED * 1_000);
      await planted.heal();
      await stage.recovery(performance.now());
    });
  }
});

describe('The database is changed under a running application, and nothing is lost, doubled or overlapping:', () => {
  scenario(`the password is rotated, and rotated back ${REFUSED} s later`, OWN, async (stage) => {
    await query(stage.place.url, `CREATE ROLE app LOGIN PASSWORD 'one' SUPERUSER`);
    const url = new URL(stage.proxy.url);
    Object.assign(url, { username: 'app', password: 'one' });
    const node = await stage.boot({ url: url.href });
    await stage.warmUp();
    const from = node.lines.length;
    await query(stage.place.url, `ALTER ROLE app PASSWORD 'two'`);
    stage.proxy.reset();
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected', from);
    await stage.lasts(REFUSED * 1_000);
    await query(stage.place.url, `ALTER ROLE app PASSWORD 'one'`);
    await stage.recovery(performance.now());
  });

  scenario(`the schema is gone for ${REFUSED} s, and then it is back`, {}, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    const from = node.lines.length;
    await query(stage.place.url, 'ALTER SCHEMA scheduler RENAME TO away');
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected', from);
    await stage.lasts(REFUSED * 1_000);
    await query(stage.place.url, 'ALTER SCHEMA away RENAME TO scheduler');
    await stage.recovery(performance.now());
  });
});
