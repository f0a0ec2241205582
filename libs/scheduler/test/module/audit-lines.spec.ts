import { Logger } from '@nestjs/common';
import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it, onTestFinished } from 'vitest';

import { EngineEvents } from '../../src/engine/engine-events.js';
import { auditLine } from '../../src/module/audit-lines.js';
import { QuietLogger } from '../../src/module/quiet-logger.js';
import { SchedulerLogger } from '../../src/module/scheduler.logger.js';
import { LogRecorder } from './support.js';

it.each([
  [
    { what: 'running-unowned', id: 'e1', now: 'pending' } as const,
    'Execution e1 was running without a node that exists, which must not happen. That was repaired; it is pending now.',
  ],
  [
    { what: 'job-without-next-run', id: 'report', now: 'quarantined' } as const,
    'Job "report" was active without a next run, which must not happen. That was repaired; it is quarantined now.',
  ],
  [
    { what: 'unknown-status', id: 'e1', now: null } as const,
    'Execution e1 has a status that means nothing, which must not happen. Nothing repairs that: mend the row with SQL.',
  ],
])('the log says what was wrong and what was done: %j', (repaired, line) => {
  expect(auditLine(repaired)).toBe(line);
});

it('an audit is told as a warning', () => {
  const logs = new LogRecorder();
  Logger.overrideLogger(logs);
  onTestFinished(() => Logger.overrideLogger(false));
  const events = new EngineEvents(() => {});
  new SchedulerLogger(new QuietLogger('Scheduler'), new ManualClock(), 'node-1').listen(events);
  const repaired = { what: 'job-asleep', id: 'report', now: 'active' } as const;
  events.emit('audit.repaired', repaired);
  expect(logs.messages('warn')).toEqual([auditLine(repaired)]);
});
