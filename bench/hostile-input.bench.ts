import { cron, InvalidTriggerError, parseTrigger, type Trigger } from 'nestjs-vigil';
import { expect, it } from 'vitest';

const NOW = new Date('2026-11-25T10:00:00Z');
const LONG_AGO = new Date('1976-01-01T00:00:00Z');

const every = (duration: string, anchor: string) => ({ kind: 'every', every: duration, anchor });
const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const nested = (depth: number, kind: 'allOf' | 'anyOf', leaf: object): object =>
  depth === 0 ? leaf : { kind, triggers: [nested(depth - 1, kind, leaf), every('4s', at(2))] };
const secondly = { kind: 'cron', expression: '* * * * * *' };

const TEXTS: string[] = [
  Array.from({ length: 250 }, () => '*').join(','),
  `${Array.from({ length: 100 }, (_, place) => place % 60).join(',')} * * * *`,
  `${'0-59/1,'.repeat(120)}0 * * * *`,
  '0-99999999999999999999 * * * *',
  '*/0.0000001 * * * *',
  '*/1e-300 * * * *',
  `H(0-59)/1${',H(0-59)/1'.repeat(90)} * * * *`,
  'H(0-999999999)/1 * * * *',
  '0 0 29 2 *',
  '0 0 31 4 *',
  '0 0 30,31 2 *',
  '0 0 ? 2 5#5',
  '0 0 29 2 1#5',
  `${'9'.repeat(900)} * * * *`,
  `0 0 * * ${'MON,'.repeat(200)}TUE`,
  '-'.repeat(999),
  '💥 '.repeat(5),
  ' '.repeat(999),
];
const SPECS: object[] = [
  { kind: 'allOf', triggers: [every('4s', at(0)), every('4s', at(2))] },
  { kind: 'allOf', triggers: [every('99991ms', at(0)), every('99989ms', at(1))] },
  { kind: 'allOf', triggers: [every('2399ms', at(0)), every('2400ms', at(0))] },
  nested(8, 'allOf', every('4s', at(0))),
  nested(8, 'anyOf', every('4s', at(0))),
  { kind: 'except', trigger: secondly, excluded: [secondly] },
  { kind: 'except', trigger: every('1ms', at(0)), excluded: [secondly, { kind: 'cron', expression: '* * * * * 0-5' }] },
  { kind: 'except', trigger: secondly, excluded: [{ kind: 'cron', expression: '0-29,31-59 * * * * *' }] },
  {
    kind: 'allOf',
    triggers: [
      { kind: 'cron', expression: '0 0 29 2 *' },
      { kind: 'cron', expression: '0 0 28 2 *' },
    ],
  },
  { kind: 'cron', expression: '30 2 * * *', timeZone: 'Europe/Paris', dst: { gap: 'skip' } },
  { kind: 'cron', expression: '0 2 29 3 0', timeZone: 'Europe/Paris', dst: { gap: 'skip' } },
  { kind: 'calendar', every: { years: 10_000 }, at: '00:00', from: '0001-01-01T00:00:00Z' },
  { kind: 'calendar', every: { days: 1 }, at: '00:00', from: '0001-01-01T00:00:00Z', timeZone: 'Europe/Paris' },
];

interface Cost {
  input: string;
  ms: number;
  megabytes: number;
  answer: string;
}

function costOf(input: string, make: () => Trigger): Cost {
  (globalThis as { gc?: () => void }).gc?.();
  const heap = process.memoryUsage().heapUsed;
  const startMs = performance.now();
  let answer: string;
  try {
    const trigger = make();
    const next = trigger.nextAfter(NOW);
    const last = trigger.lastAtOrBefore(NOW, LONG_AGO);
    answer = `${next?.toISOString() ?? 'none'}, ${last?.toISOString() ?? 'none'}`;
  } catch (error) {
    if (!(error instanceof InvalidTriggerError)) throw error;
    answer = error.message.slice(0, 60);
  }
  const ms = performance.now() - startMs;
  return { input, ms, megabytes: Math.max(0, process.memoryUsage().heapUsed - heap) / 1e6, answer };
}

it('hostile input of less than 1,000 characters is answered', () => {
  // the first answers pay for what is compiled and for the zone
  cron('0 0 29 2 *', { timeZone: 'Europe/Paris' }).lastAtOrBefore(NOW, LONG_AGO);
  const costs = [
    ...TEXTS.map((text) => costOf(text, () => cron(text))),
    ...SPECS.map((spec) => costOf(JSON.stringify(spec), () => parseTrigger(spec))),
  ];
  expect(costs.every(({ input }) => input.length < 1_000)).toBe(true);
  const worst = costs.toSorted((a, b) => b.ms - a.ms).slice(0, 8);
  console.log('\nHostile input, the eight slowest of', costs.length);
  for (const { input, ms, megabytes, answer } of worst) {
    console.log(
      `${ms.toFixed(1).padStart(7)} ms ${megabytes.toFixed(1).padStart(6)} MB  ${input.slice(0, 60)}  →  ${answer}`,
    );
  }
  const most = Math.max(...costs.map(({ megabytes }) => megabytes));
  console.log(`At most ${worst[0]!.ms.toFixed(1)} ms (aim: 50) and ${most.toFixed(1)} MB (aim: 10).`);
});
