import { appendFileSync } from 'node:fs';
import { expect, inject, it } from 'vitest';

import { Stage } from './stage.js';
import { judgeStage } from './verdict.js';

export interface ScenarioOptions {
  /** @default on a database of its own on the server that all tests share */
  open?: () => Promise<Stage>;
  /** Within how many seconds after "the database answers again" the next run must come. @default 2 */
  withinSeconds?: number;
  /** How long it may play in all. @default 120000 */
  timeoutMs?: number;
}

/** One line of the table that `npm run chaos` ends with. */
export interface ScenarioResult {
  scenario: string;
  runs: number;
  recorded: number;
  missed: number;
  doubled: number;
  overlapping: number;
  /** Everything else that the judge found. */
  other: number;
  seconds: number | null;
  withinSeconds: number;
  deaths: number;
}

/** Where results are collected; set by `npm run chaos`, which also holds recoveries against their limit. */
const REPORT = process.env['VIGIL_CHAOS_REPORT'];
/** Long forms of what CI plays in short. */
export const IS_FULL = process.env['VIGIL_CHAOS'] === 'full';
/** How long it lasts, in seconds, where each attempt fails at once: one follows the other within a second. */
export const REFUSED = IS_FULL ? 6 : 3;
/** The same, where only a deadline ends an attempt: by default after 5 s. */
export const UNANSWERED = IS_FULL ? 12 : 8;

/** What happens to the nodes while they work; and then nothing may be missing, doubled, overlapping or dead. */
export function scenario(
  name: string,
  { open = onSharedServer, withinSeconds = 2, timeoutMs = 120_000 }: ScenarioOptions,
  play: (stage: Stage) => Promise<void>,
): void {
  it(
    name,
    async () => {
      await using stage = await open();
      await play(stage).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${stage.lastWords()}`, { cause: error });
      });
      const deaths = await stage.end();
      const verdict = await judgeStage(stage);
      const { findings, ...counts } = verdict;
      const seconds = stage.recoveries.length > 0 ? Math.max(...stage.recoveries) : null;
      report({ scenario: name, ...counts, seconds, withinSeconds, deaths });
      expect({ findings, deaths }).toEqual({ findings: '', deaths: 0 });
      if (REPORT !== undefined && seconds !== null) expect(seconds).toBeLessThanOrEqual(withinSeconds);
    },
    timeoutMs,
  );
}

function onSharedServer(): Promise<Stage> {
  return Stage.onSharedServer(inject('postgresUrl'));
}

export function report(result: ScenarioResult): void {
  if (REPORT !== undefined) appendFileSync(REPORT, `${JSON.stringify(result)}\n`);
}
