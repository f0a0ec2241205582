import { createHash } from 'node:crypto';

/** Quoted and qualified names of the tables, and the channel that wakes other nodes. */
export interface Tables {
  readonly schema: string;
  readonly scheduler: string;
  readonly node: string;
  readonly job: string;
  readonly definition: string;
  readonly execution: string;
  readonly attempt: string;
  readonly migrations: string;
  readonly channel: string;
  /** Number of an advisory lock: passes share it, who pauses the cluster has it alone. */
  readonly pauseLock: string;
}

export const MIGRATIONS_TABLE = 'migrations';
const LONGEST_CHANNEL_BYTES = 63;

/** @param schema checked: see `checkSchemaName` */
export function tablesOf(schema: string): Tables {
  const table = (name: string): string => `"${schema}"."${name}"`;
  return {
    schema: `"${schema}"`,
    scheduler: table('scheduler'),
    node: table('node'),
    job: table('job'),
    definition: table('job_definition'),
    execution: table('job_execution'),
    attempt: table('job_attempt'),
    migrations: table(MIGRATIONS_TABLE),
    channel: channelOf(schema),
    pauseLock: lockOf(`vigil pause ${schema}`),
  };
}

/** Advisory locks are the whole database's: 64 bits of a hash meet nobody else's number. */
function lockOf(what: string): string {
  return createHash('sha256').update(what).digest().readBigInt64BE().toString();
}

function channelOf(schema: string): string {
  const channel = `vigil_${schema}`;
  if (Buffer.byteLength(channel) <= LONGEST_CHANNEL_BYTES) return channel;
  return `vigil_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`;
}
