import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Whether the pooler is installed (Debian's package `pgbouncer`). */
export const HAS_PGBOUNCER = isInstalled();

/** A pooler of the test's own in front of `serverUrl`, in transaction mode; `url` goes through it. */
export async function startPgBouncer(serverUrl: string): Promise<AsyncDisposable & { url: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'vigil-pgbouncer-'));
  const url = new URL(serverUrl);
  const { hostname, port, username, password } = url;
  url.hostname = '127.0.0.1';
  url.port = String(await freePort());
  await writeFile(join(directory, 'users.txt'), `"${username}" "${password}"\n`);
  await writeFile(
    join(directory, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${url.port}
unix_socket_dir =
auth_type = plain
auth_file = ${join(directory, 'users.txt')}
pool_mode = transaction
default_pool_size = 5
`,
  );
  const user = unprivileged();
  await chmod(directory, 0o755);
  if (user) await chown(directory, user.uid, user.gid);
  const child = spawn('pgbouncer', [join(directory, 'pgbouncer.ini')], {
    ...user,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr });
  const isUp = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('process up')) resolve();
    });
    child.once('close', () => reject(new Error(`pgbouncer ended. It said:\n${said.join('\n')}`)));
  });
  await isUp;
  const stop = async (): Promise<void> => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    await rm(directory, { recursive: true, force: true });
  };
  return { url: url.href, [Symbol.asyncDispose]: stop };
}

function isInstalled(): boolean {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** It refuses to run as root, as the server does. */
function unprivileged(): { uid: number; gid: number } | undefined {
  const NOBODY = 65_534;
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
