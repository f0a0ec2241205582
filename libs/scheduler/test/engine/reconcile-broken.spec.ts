import { describe, expect, it } from 'vitest';

import { hashOf } from '../../src/engine/job-draft.js';
import {
  after,
  before,
  broken,
  code,
  deploy,
  LAST,
  lost,
  mended,
  MINUTE,
  NEXT,
  NOW,
  SECOND,
} from './reconcile-job.support.js';

describe('A quarantined job', () => {
  it('gets another chance with new code, and goes on from now', () => {
    const existing = before(code(), {
      state: 'quarantined',
      stateReason: 'unreadable',
      nextRunAt: LAST,
      lastInstant: null,
    });
    const sync = deploy(code({ priority: 1 }), existing);
    expect(sync.row).toMatchObject({
      state: 'active',
      stateReason: null,
      nextRunAt: NEXT,
      wakeAt: NEXT,
      lastInstant: LAST,
    });
    expect(lost(sync)).toEqual([['12:00:00', undefined, 1, 'the job was quarantined']]);
  });
});

describe('A trigger that throws', () => {
  const quarantined = { state: 'quarantined', nextRunAt: null, wakeAt: null, trigger: null, codeHash: null } as const;
  const reason = 'the calendar is away (resumeJob("job") tries again)';

  it.each([
    ['in nextAfter', broken()],
    ['in describe', { ...mended(), describe: broken().nextAfter as never }],
    ['nonsense for an answer', { ...mended(), nextAfter: (instant: Date) => instant }],
    ['no date for an answer', { ...mended(), nextAfter: () => 'tomorrow' as never }],
  ])('makes a new job a quarantined one: %s', (_, trigger) => {
    const { row } = deploy(code({ trigger, priority: 3 }), null);
    expect(row).toMatchObject({ ...quarantined, source: 'code', priority: 3 });
    expect(row.stateReason).toMatch(/\(resumeJob\("job"\) tries again\)$/);
  });

  it('quarantines the job that there is, and records what was due', () => {
    const due = { nextRunAt: LAST, wakeAt: LAST, lastInstant: null };
    const sync = deploy(code({ trigger: broken() }), before(code(), due), after(LAST, SECOND));
    expect(sync.row).toMatchObject({
      ...quarantined,
      stateReason: reason,
      lastInstant: LAST,
      runCount: 12,
      version: 2,
    });
    expect(lost(sync)).toEqual([['12:00:00', undefined, 1, 'its schedule was changed by a deploy']]);
  });

  it('changes nothing more as long as it throws the same', () => {
    const { row } = deploy(code({ trigger: broken() }), before());
    expect(deploy(code({ trigger: broken() }), row)).toBeNull();
    expect(deploy(code({ trigger: broken('and now this') }), row).row.stateReason).toMatch(/and now this/);
  });

  it('is tried again at the next boot, also when what it says of itself has not changed', () => {
    const { row } = deploy(code({ trigger: broken() }), before());
    const draft = code({ trigger: mended() });
    const next = after(NOW, 10 * MINUTE);
    const back = {
      state: 'active',
      stateReason: null,
      codeHash: hashOf(draft),
      nextRunAt: next,
      wakeAt: next,
    } as const;
    expect(deploy(draft, row).row).toMatchObject({ ...back, runCount: 12, trigger: { kind: 'working days' } });
  });

  it('leaves a pause, and the next run is found when it no longer throws', () => {
    const pause = { state: 'paused', stateReason: 'holidays', stateBy: 'ann' } as const;
    const { row } = deploy(code({ trigger: broken() }), before(code(), pause));
    expect(row).toMatchObject({ ...pause, nextRunAt: null, codeHash: null });
    expect(deploy(code({ trigger: broken() }), row)).toBeNull();
    expect(deploy(code({ trigger: mended() }), row).row).toMatchObject({
      ...pause,
      nextRunAt: after(NOW, 10 * MINUTE),
    });
  });
});
