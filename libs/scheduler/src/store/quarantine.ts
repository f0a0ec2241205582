/** Why a job is quarantined, and what helps: as its row, its event and its line have it. */
export function quarantinedBecause(jobId: string, why: string): string {
  return `${why} (resumeJob("${jobId}") tries again)`;
}

/** The cause alone, where it is said otherwise what helps. */
export function causeOfQuarantine(reason: string): string {
  return reason.replace(/ \(resumeJob\(".*"\) tries again\)$/, '');
}
