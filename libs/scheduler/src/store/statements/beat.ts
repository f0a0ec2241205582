import { decodeInstant, decodeList, instant } from '../entity-rows.js';
import type { Beat } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/** Everything a node has to hear regularly, in one round trip: its budget is four of these a minute. */
export async function beat(
  query: Query,
  { node, execution }: Tables,
  incarnation: string,
  leaseMs: number,
): Promise<Beat> {
  const { rows } = await query(
    `WITH me AS (
       UPDATE ${node} SET beat = beat + 1, lease_until = clock_timestamp() + $2 * interval '1 ms'
       WHERE incarnation = $1 RETURNING incarnation, beat)
     SELECT ${instant(`date_trunc('milliseconds', clock_timestamp())`)} AS now, (SELECT count(*) FROM me) AS alive,
       (SELECT json_agg(json_build_object('executionId', id, 'leaseEpoch', lease_epoch,
          'cancelRequested', cancel_requested_at IS NOT NULL,
          'cancelReason', CASE WHEN cancel_requested_at IS NOT NULL THEN reason END))
        FROM ${execution} WHERE owner = $1)::text AS mine,
       (SELECT json_agg(json_build_array(n.incarnation, coalesce(me.beat, n.beat)::text,
          me.incarnation IS NULL AND n.lease_until < now()))
        FROM ${node} n LEFT JOIN me ON me.incarnation = n.incarnation)::text AS nodes`,
    [incarnation, leaseMs],
  );
  const row = rows[0] ?? {};
  return {
    now: decodeInstant(row.now),
    alive: Number(row.alive) > 0,
    mine: decodeList<Beat['mine'][number]>(row.mine),
    nodes: decodeList<[string, string, boolean]>(row.nodes).map(([id, seen, leaseOver]) => ({
      incarnation: id,
      beat: seen,
      leaseOver,
    })),
  };
}
