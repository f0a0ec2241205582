import { CreateTables1763800000000 } from './1763800000000-create-tables.js';
import { AddCounters1763900000000 } from './1763900000000-add-counters.js';
import { RunControl1764100000000 } from './1764100000000-run-control.js';

/** In the order in which they run. Expand-only: older code goes on running on the newer schema. */
export const migrations = [CreateTables1763800000000, AddCounters1763900000000, RunControl1764100000000] as const;

/** Counts the migrations; the last one leaves it in `scheduler.schema_version`. */
export const SCHEMA_VERSION = migrations.length;
