import type { Duration, SchedulerModuleOptions } from 'nestjs-vigil';

/** What differs between `npm start` and the outage demonstration. Injected by its class. */
export class AppSettings {
  readonly databaseUrl!: string;
  /** Where the scheduler's own connections go; the same database. @default databaseUrl */
  readonly schedulerUrl?: string;
  /** Where the nightly report is written. */
  readonly reportDirectory: string = '.data/reports';
  readonly heartbeatEvery: Duration = '3s';
  readonly expireCartsEvery: Duration = '15s';
  readonly callWebhookEvery: Duration = '10s';
  readonly signUpEvery: Duration = '30s';
  /** How long after a sign-up the customer is reminded of the cart. */
  readonly remindIn: Duration = '20s';
  /** How long a run gets to finish when the application stops. */
  readonly shutdownTimeoutMs: number = 6_000;
  /** Wraps every run. */
  readonly aroundJob?: SchedulerModuleOptions['aroundJob'];

  constructor(settings: Partial<AppSettings> & Pick<AppSettings, 'databaseUrl'>) {
    Object.assign(this, settings);
  }
}
