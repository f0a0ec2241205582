import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { childrenOf } from '../src/postgres/processes.js';
import { findServerUser } from '../src/postgres/server-user.js';
import { isOpenToOthers, expectGone, isAlive, runProgram, type Program } from './support/processes.js';

const STAYS = 'say(); setInterval(() => {}, 1e6);';

describe('A PostgreSQL server for tests leaves nothing behind', () => {
  let program: Program;

  afterEach(() => program.child.kill('SIGKILL'));

  async function expectNothingLeft(end: () => void): Promise<void> {
    const { pid, dataDirectory } = program.said;
    const pids = [pid, ...(await childrenOf(pid)), ...(await childrenOf(program.child.pid ?? 0))];
    expect(await isAlive(pid)).toBe(true);
    const ended = program.child.exitCode === null ? once(program.child, 'exit') : undefined;
    end();
    await ended;
    await expectGone(pids);
    await expect.poll(() => existsSync(dataDirectory)).toBe(false);
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('when its process is ended by %s', async (signal) => {
    program = await runProgram(STAYS);
    await expectNothingLeft(() => program.child.kill(signal));
  });

  it('when its process is killed while the server is frozen', async () => {
    program = await runProgram(`await server.freeze(); ${STAYS}`);
    await expectNothingLeft(() => program.child.kill('SIGKILL'));
  });

  it('when its process throws what nobody catches', async () => {
    program = await runProgram(`process.once('SIGUSR2', () => { throw new Error('uncaught'); }); ${STAYS}`);
    await expectNothingLeft(() => process.kill(program.child.pid ?? 0, 'SIGUSR2'));
  });

  it('when its process has nothing more to do, which the server does not count as', async () => {
    program = await runProgram(
      `const stay = setInterval(() => {}, 1e6); process.once('SIGUSR2', () => clearInterval(stay)); say();`,
    );
    await expectNothingLeft(() => process.kill(program.child.pid ?? 0, 'SIGUSR2'));
    expect(program.child.exitCode).toBe(0);
  });

  // an ordinary user cannot even load the library from a checkout that only its owner may enter
  const isTestable = process.getuid?.() === 0 && isOpenToOthers();
  it.skipIf(!isTestable)('when its process belongs to an ordinary user', async () => {
    program = await runProgram(STAYS, await findServerUser());
    await expectNothingLeft(() => program.child.kill('SIGKILL'));
  });
});
