import type { ConnectionKeeper } from './connection-keeper.js';
import { decodeList } from './entity-rows.js';
import type { LiveNode, NodeRegistration, Rescued } from './job-store.js';
import type { Query } from './lease.js';
import { notify } from './notifications.js';
import { lockDeadNode, removeNode, takeOver } from './statements/rescue.js';
import type { Tables } from './tables.js';

const MOST_NODES = 1_000;

export async function registerNode(query: Query, { node }: Tables, given: NodeRegistration): Promise<void> {
  await query(
    `INSERT INTO ${node} (incarnation, node_name, host, pid, version, tz_version, started_at, beat, lease_until,
       capabilities, definitions)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), 1, clock_timestamp() + $7 * interval '1 ms', $8, $9::jsonb)
     ON CONFLICT (incarnation) DO UPDATE SET node_name = excluded.node_name, host = excluded.host, pid = excluded.pid,
       version = excluded.version, tz_version = excluded.tz_version, beat = ${node}.beat + 1,
       lease_until = excluded.lease_until, capabilities = excluded.capabilities, definitions = excluded.definitions`,
    [
      given.incarnation,
      given.nodeName,
      given.host,
      given.pid,
      given.version,
      given.tzVersion,
      given.leaseMs,
      given.capabilities,
      JSON.stringify(given.definitions),
    ],
  );
}

/** What it still owns is free for a rescuer from now on. */
export async function retireNode(query: Query, tables: Tables, incarnation: string): Promise<void> {
  await query(`UPDATE ${tables.node} SET lease_until = clock_timestamp() WHERE incarnation = $1`, [incarnation]);
  await removeNode(query, tables, incarnation);
}

export async function rescue(
  keeper: ConnectionKeeper,
  tables: Tables,
  incarnation: string,
  beat: string,
): Promise<Rescued[]> {
  return await keeper.transaction(async ({ query, nothingToCommit }) => {
    if (!(await lockDeadNode(query, tables, incarnation, beat))) {
      nothingToCommit();
      return [];
    }
    const rescued: Rescued[] = [];
    for (;;) {
      const batch = await takeOver(query, tables, incarnation);
      if (batch.length === 0) break;
      rescued.push(...batch);
    }
    await removeNode(query, tables, incarnation);
    if (rescued.some(({ status }) => status === 'pending')) await notify(query, tables);
    return rescued;
  });
}

export async function liveNodes(query: Query, { node }: Tables): Promise<LiveNode[]> {
  const { rows } = await query(
    `SELECT n.incarnation, n.node_name, to_json(n.capabilities)::text AS capabilities,
       to_json(ARRAY(SELECT jsonb_object_keys(n.definitions)))::text AS declares
     FROM ${node} n WHERE n.lease_until > now() ORDER BY n.node_name, n.incarnation LIMIT ${MOST_NODES}`,
  );
  return rows.map((row) => ({
    incarnation: String(row.incarnation),
    nodeName: String(row.node_name),
    capabilities: decodeList<string>(row.capabilities),
    declares: decodeList<string>(row.declares),
  }));
}
