import type { ConnectionKeeper } from './connection-keeper.js';
import { isUnwritable } from './database-errors.js';
import { messageOf } from './is-error.js';
import type { OutcomeRecord, OutcomeVerdict } from './job-store.js';
import type { Query } from './lease.js';
import type { JobEntity } from './job.entity.js';
import {
  completeOutcomes,
  lockExecutions,
  writtenBefore,
  type WrittenOutcome,
} from './statements/complete-outcomes.js';
import { countFailures } from './statements/count-failures.js';
import { storable } from './storable.js';
import type { Tables } from './tables.js';

const LONGEST_DURATION_MS = 2 ** 31 - 1;

/** How executions ended, written so that no lock of somebody else's holds it up. */
export class OutcomeWrites {
  constructor(
    private readonly keeper: ConnectionKeeper,
    private readonly tables: Tables,
  ) {}

  /** One verdict for each outcome, in order. */
  async write(outcomes: readonly OutcomeRecord[]): Promise<OutcomeVerdict[]> {
    if (outcomes.length === 0) return [];
    try {
      return await this.#writeTogether(outcomes);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      return await this.#writeApart(outcomes, error);
    }
  }

  /** In a transaction that is somebody else's to commit. What is not written is `fenced`: locked rows are waited for. */
  async writeIn(query: Query, outcomes: readonly OutcomeRecord[]): Promise<OutcomeVerdict[]> {
    if (outcomes.length === 0) return [];
    await lockExecutions(query, this.tables, outcomes);
    const done = await completeOutcomes(query, this.tables, outcomes);
    const paused = await this.#count(query, done);
    const verdicts = outcomes.map((_, index): OutcomeVerdict => {
      const found = done.find((each) => each.index === index);
      return found === undefined ? { kind: 'fenced' } : written(found.status, found.reason);
    });
    return tellPaused(verdicts, done, paused);
  }

  async #writeTogether(outcomes: readonly OutcomeRecord[]): Promise<OutcomeVerdict[]> {
    return await this.keeper.transaction(async ({ query }) => {
      const done = await completeOutcomes(query, this.tables, outcomes);
      const paused = await this.#count(query, done);
      return tellPaused(await verdictsOn(query, this.tables, outcomes, done), done, paused);
    });
  }

  /** The jobs that it pauses. */
  async #count(query: Query, done: readonly WrittenOutcome[]): Promise<JobEntity[]> {
    const jobs = new Set(done.filter(({ isUncounted }) => isUncounted).map(({ jobUid }) => jobUid));
    return jobs.size > 0 ? await countFailures(query, this.tables, [...jobs]) : [];
  }

  /** Halves until the one that cannot be stored is alone, and writes that one without what it carries. */
  async #writeApart(outcomes: readonly OutcomeRecord[], error: unknown): Promise<OutcomeVerdict[]> {
    const [only, ...others] = outcomes;
    if (only && others.length === 0) {
      if (isBare(only)) throw error;
      return await this.write([bare(only, error)]);
    }
    const middle = Math.ceil(outcomes.length / 2);
    const first = await this.write(outcomes.slice(0, middle));
    const second = await this.write(outcomes.slice(middle));
    return [...first, ...second];
  }
}

const bareOutcomes = new WeakSet<OutcomeRecord>();
const isBare = (outcome: OutcomeRecord): boolean => bareOutcomes.has(outcome);

/** The status stands; what could not be stored is replaced by a note that says so. */
export function bare(outcome: OutcomeRecord, error: unknown): OutcomeRecord {
  const why = messageOf(error);
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
    logs: null,
  };
  bareOutcomes.add(stripped);
  return stripped;
}

/** Says with the last outcome of a job that it is paused by that. */
function tellPaused(
  verdicts: OutcomeVerdict[],
  done: readonly WrittenOutcome[],
  paused: readonly JobEntity[],
): OutcomeVerdict[] {
  for (const job of paused) {
    const last = Math.max(...done.filter(({ jobUid }) => jobUid === job.uid).map(({ index }) => index));
    const verdict = verdicts[last];
    if (verdict?.kind === 'written') verdict.paused = job;
  }
  return verdicts;
}

function written(status: OutcomeRecord['status'], reason: string | null): OutcomeVerdict {
  return { kind: 'written', status, ...(status === 'cancelled' ? { reason } : {}) };
}

async function verdictsOn(
  query: Query,
  tables: Tables,
  outcomes: readonly OutcomeRecord[],
  done: readonly WrittenOutcome[],
): Promise<OutcomeVerdict[]> {
  const found = new Map<number, OutcomeVerdict>();
  for (const { index, status, reason } of done) found.set(index, written(status, reason));
  const rest = outcomes.flatMap((outcome, index) => (found.has(index) ? [] : [{ outcome, index }]));
  const asked = rest.map(({ outcome }) => outcome);
  const answers = asked.length > 0 ? await writtenBefore(query, tables, asked) : [];
  for (const [place, { index }] of rest.entries()) {
    const { status = null, reason = null } = answers[place] ?? {};
    if (status !== null) found.set(index, status === 'running' ? { kind: 'busy' } : written(status, reason));
  }
  return outcomes.map((_, index) => found.get(index) ?? { kind: 'fenced' });
}
