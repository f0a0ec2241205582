import type { ConnectionKeeper } from './connection-keeper.js';
import { isUnwritable } from './database-errors.js';
import type { OutcomeRecord, OutcomeVerdict } from './job-store.js';
import {
  completeOutcomes,
  countFailures,
  type FailureCount,
  writtenBefore,
  type WrittenOutcome,
} from './statements/complete-outcomes.js';
import type { Tables } from './tables.js';

const LONGEST_DURATION_MS = 2 ** 31 - 1;

/** One verdict for each outcome, in order. */
export async function writeOutcomes(
  keeper: ConnectionKeeper,
  tables: Tables,
  outcomes: readonly OutcomeRecord[],
): Promise<OutcomeVerdict[]> {
  if (outcomes.length === 0) return [];
  let done: WrittenOutcome[];
  try {
    done = await keeper.run((query) => completeOutcomes(query, tables, outcomes));
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    return await writeApart(keeper, tables, outcomes, error);
  }
  const counts = failureCounts(done);
  if (counts.length > 0) await keeper.run((query) => countFailures(query, tables, counts));
  return await verdicts(keeper, tables, outcomes, done);
}

/** Halves until the one that cannot be stored is alone, and writes that one without what it carries. */
async function writeApart(
  keeper: ConnectionKeeper,
  tables: Tables,
  outcomes: readonly OutcomeRecord[],
  error: unknown,
): Promise<OutcomeVerdict[]> {
  const [only, ...others] = outcomes;
  if (only && others.length === 0) {
    if (isBare(only)) throw error;
    return await writeOutcomes(keeper, tables, [bare(only, error)]);
  }
  const middle = Math.ceil(outcomes.length / 2);
  const first = await writeOutcomes(keeper, tables, outcomes.slice(0, middle));
  const second = await writeOutcomes(keeper, tables, outcomes.slice(middle));
  return [...first, ...second];
}

const bareOutcomes = new WeakSet<OutcomeRecord>();
const isBare = (outcome: OutcomeRecord): boolean => bareOutcomes.has(outcome);

/** The status stands; what could not be stored is replaced by a note that says so. */
function bare(outcome: OutcomeRecord, error: unknown): OutcomeRecord {
  const why = error instanceof Error ? error.message : String(error);
  const note = `It could not be stored: ${why}`;
  const name = outcome.error ? storable(outcome.error.name) : '';
  const stripped: OutcomeRecord = {
    ...outcome,
    delayMs: Math.min(Math.max(0, outcome.delayMs || 0), LONGEST_DURATION_MS),
    durationMs: Math.min(Math.max(0, outcome.durationMs || 0), LONGEST_DURATION_MS),
    reason: outcome.reason === null ? null : storable(outcome.reason),
    error: outcome.error && { name, message: `${storable(outcome.error.message)} (${note})` },
    result: outcome.result === null ? null : JSON.stringify({ note }),
    progress: null,
  };
  bareOutcomes.add(stripped);
  return stripped;
}

/** Without NUL and lone surrogates, which PostgreSQL's text does not know. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\ufffd');
}

function failureCounts(done: readonly WrittenOutcome[]): FailureCount[] {
  const counts = new Map<string, FailureCount>();
  for (const { jobUid, status, consecutiveFailures } of [...done].sort((a, b) => a.index - b.index)) {
    const count = counts.get(jobUid) ?? { jobUid, isReset: false, failures: 0 };
    if (status === 'failed' || status === 'timed-out') counts.set(jobUid, { ...count, failures: count.failures + 1 });
    else if (status === 'succeeded' && (consecutiveFailures > 0 || count.failures > 0))
      counts.set(jobUid, { jobUid, isReset: true, failures: 0 });
  }
  return [...counts.values()];
}

async function verdicts(
  keeper: ConnectionKeeper,
  tables: Tables,
  outcomes: readonly OutcomeRecord[],
  done: readonly WrittenOutcome[],
): Promise<OutcomeVerdict[]> {
  const written = new Map(done.map(({ index, status }) => [index, status]));
  const rest = outcomes.flatMap((outcome, index) => (written.has(index) ? [] : [{ outcome, index }]));
  if (rest.length > 0) {
    const asked = rest.map(({ outcome }) => outcome);
    const answers = await keeper.run((query) => writtenBefore(query, tables, asked), { unanswered: 'unknown' });
    for (const [place, { index }] of rest.entries()) {
      const status = answers[place];
      if (status) written.set(index, status);
    }
  }
  return outcomes.map((_, index) => {
    const status = written.get(index);
    return status ? { kind: 'written', status } : { kind: 'fenced' };
  });
}
