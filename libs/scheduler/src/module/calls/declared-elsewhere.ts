import { InvalidJobError } from '../../engine/job-settings.js';
import type { ConflictRule, JobStore } from '../../store/job-store.js';

/** The first of these jobs that the code of a live node declares; null: nobody declares any of them. */
export async function firstDeclared(
  store: JobStore,
  ids: readonly string[],
): Promise<{ id: string; nodeName: string } | null> {
  const nodes = await store.liveNodes();
  const names = new Map(nodes.flatMap(({ declares, nodeName }) => declares.map((id) => [id, nodeName] as const)));
  for (const id of ids) {
    const nodeName = names.get(id);
    if (nodeName === undefined) continue;
    // it may have been added at run time before code declared it
    const job = await store.getJob(id);
    if (job?.source === 'code') return { id, nodeName };
  }
  return null;
}

/** What code declares would not come back: an id belongs to whoever added it at run time. Throws `InvalidJobError`. */
export async function refuseDeclared(
  where: string,
  store: JobStore,
  ids: readonly string[],
  onConflict: ConflictRule,
): Promise<void> {
  const declared = onConflict === 'replace' ? await firstDeclared(store, ids) : null;
  if (declared === null) return;
  throw new InvalidJobError(
    `${where}: "${declared.id}" is declared by a @ScheduledJob on node "${declared.nodeName}" and cannot be replaced. Change it with modifyJob, or give the new job another id.`,
  );
}
