import { Bench } from 'tinybench';

/** How often a task repeats its question in one sample: a single one is shorter than the clock can tell. */
const REPEATED = 1_000;

export interface Question {
  name: string;
  /** Asked many times over. */
  ask: () => unknown;
  /** How often in one sample. @default 1,000 */
  repeated?: number;
}
export interface Answer {
  name: string;
  /** Median microseconds of one question. */
  microseconds: number;
  /** Median absolute deviation, in microseconds. */
  spread: number;
}

/** Asks each question for about a second, one after the other. */
export function measure(questions: readonly Question[]): Answer[] {
  const bench = new Bench({ time: 1_000, warmupTime: 300 });
  for (const { name, ask, repeated = REPEATED } of questions) {
    bench.add(name, () => {
      for (let time = 0; time < repeated; time += 1) ask();
    });
  }
  bench.runSync();
  return bench.tasks.map(({ name, result }, place) => {
    const repeated = questions[place]?.repeated ?? REPEATED;
    if (!('latency' in result)) throw new Error(`"${name}" could not be measured.`);
    const { p50, mad } = result.latency;
    return { name, microseconds: (p50 * 1_000) / repeated, spread: (mad * 1_000) / repeated };
  });
}

/** A table for people, each row beside the first as a ratio. */
export function print(title: string, answers: readonly Answer[]): void {
  const first = answers[0]?.microseconds ?? 1;
  const rows = answers.map(({ name, microseconds, spread }) => [
    name,
    microseconds.toFixed(2),
    `± ${spread.toFixed(2)}`,
    `${(microseconds / first).toFixed(1)} ×`,
  ]);
  const widths = [0, 1, 2, 3].map((place) => Math.max(...rows.map((row) => row[place]!.length)));
  console.log(`\n${title} (µs each: median, median absolute deviation, ratio)`);
  for (const row of rows) {
    console.log(
      row.map((cell, place) => (place === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[place]!))).join('  '),
    );
  }
}
