import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../libs/testing/src/postgres/postgres-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the server every test may make its databases on. */
    postgresUrl: string;
  }
}

/** One server for the whole run: the one `DATABASE_URL` names, else an embedded one. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | void> {
  const given = process.env.DATABASE_URL;
  if (given) return project.provide('postgresUrl', given);
  const server = await startPostgres({ settings: { fsync: 'off', max_connections: '300' } });
  project.provide('postgresUrl', server.url);
  return () => server[Symbol.asyncDispose]();
}
