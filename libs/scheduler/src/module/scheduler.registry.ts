import { isDeepStrictEqual } from 'node:util';

import { Inject, Injectable } from '@nestjs/common';

import type { Clock } from '../clock/clock.js';
import { checkOptions } from './options.check.js';
import { SCHEDULER_CLOCK } from './scheduler.clock.js';
import { resolveOptions, SchedulerOptionsError, type SchedulerModuleOptions } from './scheduler.options.js';
import { SCHEDULER_OVERRIDES, type SchedulerOverrides } from './scheduler.overrides.js';
import { SchedulerRuntime } from './scheduler.runtime.js';
import { SchedulerService } from './scheduler.service.js';

interface Entry {
  runtime: SchedulerRuntime;
  service: SchedulerService;
  options: SchedulerModuleOptions;
}

/** Every scheduler of the application, by name: importing one twice does not make two. */
@Injectable()
export class Schedulers {
  readonly #entries = new Map<string, Entry>();

  constructor(
    @Inject(SCHEDULER_CLOCK) private readonly clock: Clock,
    @Inject(SCHEDULER_OVERRIDES) private readonly overrides: SchedulerOverrides,
  ) {}

  get all(): SchedulerRuntime[] {
    return [...this.#entries.values()].map(({ runtime }) => runtime);
  }

  /** @throws SchedulerOptionsError */
  serviceOf(name: string, said: SchedulerModuleOptions): SchedulerService {
    const { overrides, clock } = this;
    const options = overrides.options?.(name, said) ?? said;
    checkOptions(name, options);
    const known = this.#entries.get(name);
    if (known !== undefined) return sameOrThrow(name, known, said);
    const runtime = new SchedulerRuntime(resolveOptions(name, options), clock, overrides);
    const service = new SchedulerService(runtime);
    this.#entries.set(name, { runtime, service, options: said });
    overrides.created?.(service);
    return service;
  }
}

function sameOrThrow(name: string, { service, options }: Entry, others: SchedulerModuleOptions): SchedulerService {
  const keys = new Set([...Object.keys(options), ...Object.keys(others)]) as Set<keyof SchedulerModuleOptions>;
  const different = [...keys].filter((key) => !isSame(key, options[key], others[key]));
  if (different.length === 0) return service;
  throw new SchedulerOptionsError(
    `SchedulerModule "${name}" is imported twice, with different options: ${different.join(', ')}. ` +
      `Import it once, it is global, or give the other one a name of its own.`,
  );
}

/** Stores and data sources are the same only if they are one; their insides say little. */
function isSame(key: keyof SchedulerModuleOptions, one: unknown, other: unknown): boolean {
  return key === 'store' || key === 'dataSource' ? one === other : isDeepStrictEqual(one, other);
}
