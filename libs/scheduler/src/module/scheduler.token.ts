import type { InjectionToken } from '@nestjs/common';

import { DEFAULT_SCHEDULER } from './scheduler.options.js';
import { SchedulerService } from './scheduler.service.js';

/**
 * Injection token of the `SchedulerService` of the scheduler with that `name`; the default one's is the class itself.
 * @param name default 'default'
 */
export function getSchedulerToken(name: string = DEFAULT_SCHEDULER): InjectionToken<SchedulerService> {
  return name === DEFAULT_SCHEDULER ? SchedulerService : `SchedulerService:${name}`;
}
