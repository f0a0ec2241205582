import { describe } from 'vitest';

import { IS_FULL, REFUSED, scenario } from './support/scenario.js';

/** After a connection fell silent, a call is given up after `callTimeoutMs`, by default 5 s. */
const CALL_TIMEOUT_SECONDS = 5;
const SILENCE = IS_FULL ? 30 : 12;
const SILENT = { withinSeconds: CALL_TIMEOUT_SECONDS + 2 };

describe('The network fails, and nothing is lost, doubled or overlapping:', () => {
  scenario('the server is down at boot', {}, async (stage) => {
    stage.proxy.refuse();
    const node = await stage.boot();
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected');
    stage.proxy.heal();
    await stage.recovery(performance.now());
  });

  scenario('the server is down when a node starts again', {}, async (stage) => {
    const before = await stage.boot({ name: 'before' });
    await stage.warmUp();
    await before.stop();
    stage.proxy.refuse();
    const node = await stage.boot({ name: 'after' });
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected');
    stage.proxy.heal();
    await stage.recovery(performance.now());
  });

  scenario('every connection is reset, at rest and at work, ten times', {}, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    for (let turn = 0; turn < 10; turn += 1) {
      stage.proxy.reset();
      await stage.diary.runAfter(performance.now(), 'every-fire', 20_000);
    }
    await stage.recoveryFrom(performance.now());
  });

  scenario(`connections are refused for ${REFUSED} s`, {}, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    const from = node.lines.length;
    stage.proxy.refuse();
    await node.waitFor(({ state }) => state === 'disconnected', 'disconnected', from);
    await stage.lasts(REFUSED * 1_000);
    stage.proxy.heal();
    await stage.recovery(performance.now());
  });

  scenario('open connections go silent for ever, new ones work', SILENT, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    stage.proxy.silence('existing');
    await stage.recoveryFrom(performance.now());
  });

  // an attempt to connect that was made in the silence stays silent, and is given up as a call is
  scenario(`every connection is silent for ${SILENCE} s`, SILENT, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    stage.proxy.silence('all');
    await stage.lasts(SILENCE * 1_000);
    stage.proxy.heal();
    await stage.recovery(performance.now());
  });

  scenario('every connection is silent for 8 s, and then what was on its way arrives', {}, async (stage) => {
    await stage.boot();
    await stage.warmUp();
    stage.proxy.silence('all');
    await stage.lasts(8_000);
    stage.proxy.heal({ existing: true });
    await stage.recovery(performance.now());
  });

  scenario(`one of two nodes is cut off from the database for ${REFUSED} s`, {}, async (stage) => {
    await stage.boot({ name: 'cut off' });
    await stage.boot({ name: 'in touch', url: stage.place.url });
    await stage.warmUp();
    stage.proxy.refuse();
    await stage.lasts(REFUSED * 1_000);
    // a job that is at work on the other node waits for its end; all others go on here
    await stage.diary.runAfter(performance.now() - 2_000, null, 5_000, 'in touch');
    stage.proxy.heal();
    await stage.recovery(performance.now(), { node: 'cut off' });
  });
});
