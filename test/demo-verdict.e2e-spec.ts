import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { printVerdict, type Evidence } from '../src/outage-demo/verdict.js';

const JOB = { jobId: 'heartbeat', expected: 9, ran: 7, failed: 0, notRun: 2, lost: 0, twice: 0, wrong: 0 };
const RECOVERY = { outage: 'cut', seconds: 0.3, limitSeconds: 2 };
const GOOD: Evidence = { jobs: [JOB], reminders: { customers: 3, broken: 0 }, recoveries: [RECOVERY] };

let printed: string[];
beforeEach(() => {
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});
afterEach(() => vi.restoreAllMocks());

it('The demonstration passes when everything is as promised', () => {
  expect(printVerdict(GOOD)).toBe(true);
  expect(printed.at(-1)).toContain('PASSED');
});

it.each<[string, Partial<Evidence>]>([
  ['a fire is lost', { jobs: [{ ...JOB, lost: 1 }] }],
  ['a fire is recorded or run twice', { jobs: [JOB, { ...JOB, twice: 1 }] }],
  ['ledger and application disagree', { jobs: [{ ...JOB, wrong: 1 }] }],
  ['no job is judged', { jobs: [] }],
  ['a customer has no reminder', { reminders: { customers: 3, broken: 1 } }],
  ['nobody signed up', { reminders: { customers: 0, broken: 0 } }],
  ['jobs ran again too late', { recoveries: [RECOVERY, { ...RECOVERY, seconds: 2.1 }] }],
  ['jobs never ran again', { recoveries: [{ ...RECOVERY, seconds: null }] }],
])('The demonstration fails when %s', (_, evidence) => {
  expect(printVerdict({ ...GOOD, ...evidence })).toBe(false);
  expect(printed.at(-1)).toContain('FAILED');
});
