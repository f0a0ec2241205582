import type { INestApplication } from '@nestjs/common';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import type { SchedulerService } from 'nestjs-vigil';
import { jobTable } from './job-table.js';

const PORTS_TRIED = 20;

/** Listens on `wanted`, or on the next free port. Answers the address. */
export async function listenNear(
  app: INestApplication,
  wanted: number,
  print: (line: string) => void,
): Promise<string> {
  const port = await freePort(wanted);
  if (port !== wanted) print(`Port ${wanted} is taken: listening on ${port} instead.`);
  await app.listen(port);
  const { port: found } = (app.getHttpServer() as Server).address() as AddressInfo;
  return `http://localhost:${found}`;
}

/** The table of jobs, and where to look. */
export async function announce(scheduler: SchedulerService, url: string, print: (line: string) => void): Promise<void> {
  const jobs = await allJobs(scheduler);
  const lines = ['', ...jobTable(jobs), '', `Jobs: ${url}/   Health: ${url}/health   Stop: Ctrl-C`, ''];
  for (const line of lines) print(line);
}

async function allJobs(scheduler: SchedulerService) {
  try {
    return (await scheduler.getJobs({ limit: 1_000 })).items;
  } catch {
    // The application is up, and jobs start when the database is.
    return [];
  }
}

async function freePort(wanted: number): Promise<number> {
  if (wanted === 0) return 0;
  for (let port = wanted; port < wanted + PORTS_TRIED; port++) if (await isFree(port)) return port;
  throw new Error(`Ports ${wanted} to ${wanted + PORTS_TRIED - 1} are taken. Set PORT to a free one.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, () => probe.close(() => resolve(true)));
  });
}
