import { readFile } from 'node:fs/promises';
import pg from 'pg';

/** What a server says of itself that no other server does. Rejects when it does not answer in time. */
export async function systemIdentifier(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 3_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ id: string }>(
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    return rows[0]?.id ?? '';
  } finally {
    // A server that hangs never answers a goodbye.
    void client.end().catch(() => {});
  }
}

/** Whether a server process lives on this data, answering or not. */
export async function hasServerProcess(dataDirectory: string): Promise<boolean> {
  const lock = await readFile(`${dataDirectory}/postmaster.pid`, 'utf8').catch(() => '');
  const pid = Number.parseInt(lock, 10);
  return pid > 0 && isProcess(pid);
}

export function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
