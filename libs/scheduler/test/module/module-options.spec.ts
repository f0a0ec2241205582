import { Injectable, Module } from '@nestjs/common';
import {
  MemoryJobStore,
  SCHEDULER_OPTIONS,
  SchedulerModule,
  SchedulerOptionsError,
  SchedulerService,
  getSchedulerToken,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ApplicationDataSource } from '../../src/module/application-data-source.js';
import { resolveOptions } from '../../src/module/scheduler.options.js';
import { boot, initialise, LogRecorder } from './support.js';

const URL = 'postgres://user:secret@db.example:5433/shop';
const store = new MemoryJobStore();
const booting = (options: unknown) => boot({ scheduler: options as SchedulerModuleOptions });

describe('Options', () => {
  it.each<[string, unknown, RegExp]>([
    ['an unknown name', { store, concurency: 3 }, /"concurency" is not an option here\. Known: .*concurrency/s],
    ['concurrency 0', { store, concurrency: 0 }, /concurrency is 0\. Write a whole number from 1/],
    ['concurrency as text', { store, concurrency: '3' }, /concurrency is "3"/],
    ['a schema with a quote', { schema: 'a"b' }, /schema is "a\\"b"\. .*not an identifier/],
    ['a schema of the server', { schema: 'pg_jobs' }, /begins with "pg_"/],
    ['a schema that is no text', { schema: 5 }, /schema is 5\. Write a text/],
    ['an unknown migration mode', { store, migrations: 'auto' }, /Write one of 'run', 'check', 'off'/],
    ['a flag that is no boolean', { store, autoStart: 'false' }, /autoStart is "false"\. Write true or false/],
    ['an unknown zone', { store, timeZone: 'Mars/Base' }, /timeZone is "Mars\/Base"\. .*IANA/],
    ['an executor without concurrency', { store, executors: { reports: {} } }, /reports\.concurrency is undefined/],
    ['an executor called default', { store, executors: { default: { concurrency: 1 } } }, /the option concurrency/],
    ['an executor with an @', { store, executors: { 'a@b': { concurrency: 1 } } }, /without "@"/],
    [
      'a default that is no policy',
      { store, defaults: { priority: 1 } },
      /defaults .*"priority" is not an option here/s,
    ],
    ['a default that cannot be', { store, defaults: { misfire: 'maybe' } }, /misfire is "maybe"/],
    ['an aroundJob that is no function', { store, aroundJob: {} }, /aroundJob is an object/],
    ['a retention that is no number', { store, retention: { otherMs: '7d' } }, /otherMs is "7d"/],
    ['a negative time', { store, shutdownTimeoutMs: -1 }, /shutdownTimeoutMs is -1\. Write milliseconds/],
    ['a lease of nothing', { store, leaseMs: 0 }, /leaseMs is 0/],
    ['a NaN', { store, callTimeoutMs: Number.NaN }, /callTimeoutMs is NaN/],
    ['a pool of 0', { pool: 0 }, /pool is 0\. Write a number of connections, or 'shared'/],
    ['a pool that listening fills', { pool: 1, connection: { url: URL } }, /pool is 1.*Write pool: 2 or more/s],
    ['synchronize in connection', { connection: { url: URL, synchronize: true } }, /"synchronize" is not an option/],
    ['a store that is none', { store: { kind: 'memory' } }, /store is an object\. Give a JobStore/],
    [
      'a store of an older version',
      { store: Object.assign(Object.create(new MemoryJobStore()) as object, { pauseCluster: undefined }) },
      /This one lacks pauseCluster\./,
    ],
    ['store beside connection', { store, connection: { url: URL } }, /store and connection are both given/],
    ['an empty url', { connection: { url: '' } }, /url is empty. Is the variable set/],
    ['a url that is none', { connection: { url: 'postgres//u:secret@h/x' } }, /^(?!.*secret).*url is no address/s],
    ['a url of another', { connection: { url: 'mysql://u:secret@h/x' } }, /^(?!.*secret).*url is no address/s],
    ['a torn password', { connection: { url: 'postgres://u:sec/ret@h:5432/d' } }, /^(?!.*ret@).*percent-encode/s],
    [
      'a password with an @',
      { connection: { url: 'postgres://u:secret@x/y@h:5432/d' } },
      /^(?!.*secret).*percent-encode/s,
    ],
    ['a port out of range', { connection: { host: 'h', port: 99_999 } }, /port is not a number from 1 to 65535/],
    ['a url as the pool', { pool: 'postgres://u:secret@h/d' }, /^(?!.*secret).*pool is/s],
    ['a connection that is a text', { connection: URL }, /^(?!.*secret).*connection.*Write an object/s],
    ['store beside pool', { store, pool: 2 }, /store and pool are both given/],
    ['connection beside a shared pool', { connection: { url: URL }, pool: 'shared' }, /pool is 'shared'\. Remove one/],
    ['a data source that is none', { dataSource: {} }, /dataSource is an object\. Give a TypeORM DataSource/],
    ['an empty name', { store, name: '' }, /name is not a text/],
  ])('fail the boot at %s, and say what to write', async (_, options, message) => {
    const error: unknown = await booting(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SchedulerOptionsError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('secret');
  });

  it('that are undefined say nothing', async () => {
    const { scheduler } = await booting({ store, concurrency: undefined, connection: undefined, name: undefined });
    expect(scheduler.name).toBe('default');
  });

  it('can be overridden by their token', async () => {
    const app = await Test.createTestingModule({ imports: [SchedulerModule.forRoot({ connection: { url: URL } })] })
      .setLogger(new LogRecorder())
      .overrideProvider(SCHEDULER_OPTIONS)
      .useValue({ store, autoStart: false })
      .compile();
    onTestFinished(() => app.close());
    await app.init();
    expect(app.get(SchedulerService).state).toBe('stopped');
  });
});

describe('Imports', () => {
  it('of the same name and options are one scheduler', async () => {
    const options = (): SchedulerModuleOptions => ({ store, executors: { reports: { concurrency: 2 } } });
    @Injectable()
    class Inner {
      constructor(readonly scheduler: SchedulerService) {}
    }
    @Module({ imports: [SchedulerModule.forRoot(options())], providers: [Inner] })
    class Feature {}
    const { app, scheduler } = await boot({ scheduler: options(), imports: [Feature] });

    expect(app.get(Inner, { strict: false }).scheduler).toBe(scheduler);
  });

  it('of the same name with other options fail the boot, and say which differ', async () => {
    const other = SchedulerModule.forRoot({ store, concurrency: 3 });
    await expect(boot({ scheduler: { store }, imports: [other] })).rejects.toThrow(
      /"default" is imported twice, with different options: concurrency/,
    );
    const otherStore = SchedulerModule.forRoot({ store: new MemoryJobStore() });
    await expect(boot({ scheduler: { store }, imports: [otherStore] })).rejects.toThrow(/different options: store/);
  });

  it('of two names on the same tables fail the boot', async () => {
    const billing = SchedulerModule.forRoot({
      name: 'billing',
      connection: { host: 'db.example', port: 5433, database: 'shop' },
    });
    await expect(boot({ scheduler: { connection: { url: URL } }, imports: [billing] })).rejects.toThrow(
      /"default" and "billing" have the same tables: db\.example:5433\/shop, schema "scheduler"/,
    );
  });

  it('of two names in two schemas, or on two servers, are two schedulers', async () => {
    const more = [
      SchedulerModule.forRoot({ name: 'a', connection: { url: URL }, schema: 'jobs_a', autoStart: false }),
      SchedulerModule.forRoot({ name: 'b', connection: { url: 'postgres://other/shop' }, autoStart: false }),
    ];
    const { app } = await boot({ scheduler: { connection: { url: URL }, autoStart: false }, imports: more });
    const names = ['default', 'a', 'b'].map((name) => app.get(getSchedulerToken(name), { strict: false }).name);
    expect(names).toEqual(['default', 'a', 'b']);
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Settings {
    createSchedulerOptions(): SchedulerModuleOptions {
      return { store, autoStart: false, nodeName: 'from-settings' };
    }
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it.each([
    [
      'useFactory',
      { inject: [Settings], useFactory: (settings: Settings) => Promise.resolve(settings.createSchedulerOptions()) },
    ],
    ['useClass', { useClass: Settings }],
    ['useExisting', { useExisting: Settings }],
  ])('takes %s', async (_, source) => {
    const imports = [SchedulerModule.forRootAsync({ name: 'async', imports: [SettingsModule], ...source })];
    const app = await initialise({ scheduler: null, imports });
    expect(app.get<SchedulerService>(getSchedulerToken('async'))).toMatchObject({ name: 'async', state: 'stopped' });
  });

  it('refuses to be called with none of them, and checks what they give', async () => {
    expect(() => SchedulerModule.forRootAsync({})).toThrow(/none of useFactory, useClass and useExisting/);
    const wrong = SchedulerModule.forRootAsync({ useFactory: () => ({ corn: 1 }) as SchedulerModuleOptions });
    await expect(initialise({ scheduler: null, imports: [wrong] })).rejects.toThrow(/"corn" is not an option here/);
    const nothing = SchedulerModule.forRootAsync({ useFactory: () => undefined as unknown as SchedulerModuleOptions });
    await expect(initialise({ scheduler: null, imports: [nothing] })).rejects.toThrow(
      /expected an object with options/,
    );
  });
});

describe('The database', () => {
  const application = new DataSource({
    type: 'postgres',
    url: URL,
    applicationName: 'shop',
    synchronize: true,
    dropSchema: true,
    parseInt8: true,
    extra: { keepAlive: true },
  });

  async function placeFor(options: SchedulerModuleOptions, providers: { provide: unknown; useValue: unknown }[] = []) {
    const app = await initialise({ scheduler: { store, autoStart: false }, providers: providers as [] });
    return app.get(ApplicationDataSource, { strict: false }).placeFor(resolveOptions('default', options));
  }

  it('is the one of TypeOrmModule by default, of which the connection settings are copied, and nothing else', async () => {
    const { connection, shared } = await placeFor({}, [{ provide: DataSource, useValue: application }]);
    expect(shared).toBeNull();
    expect(connection).toEqual({ url: URL, extra: { keepAlive: true } });
  });

  it('is the one of a token or a data source that is given', async () => {
    const token = await placeFor({ dataSource: 'billing' }, [{ provide: 'billing', useValue: application }]);
    expect(token.connection.url).toBe(URL);
    expect((await placeFor({ dataSource: application })).connection.url).toBe(URL);
  });

  it("is the application's own with pool: 'shared'", async () => {
    expect((await placeFor({ pool: 'shared', dataSource: application })).shared).toBe(application);
  });

  it('is the one that connection names, before all others', async () => {
    const connection = { host: 'elsewhere' };
    expect((await placeFor({ connection, dataSource: application })).connection).toBe(connection);
  });

  it('is the one of DATABASE_URL when nothing else is known, or nothing that is PostgreSQL', async () => {
    const before = process.env.DATABASE_URL;
    onTestFinished(() => {
      if (before === undefined) delete process.env.DATABASE_URL;
      else process.env.DATABASE_URL = before;
    });
    process.env.DATABASE_URL = 'postgres://from-environment/x';
    const mysql = { options: { type: 'mysql' } };
    expect((await placeFor({})).connection).toEqual({ url: 'postgres://from-environment/x' });
    const beside = await placeFor({}, [{ provide: DataSource, useValue: mysql }]);
    expect(beside.connection).toEqual({ url: 'postgres://from-environment/x' });

    delete process.env.DATABASE_URL;
    await expect(placeFor({})).rejects.toThrow(/has no database\. Import TypeOrmModule.*connection.*DATABASE_URL/s);
  });

  it.each<[string, SchedulerModuleOptions, RegExp]>([
    ['a token that nobody provides', { dataSource: 'nowhere' }, /no data source is provided as nowhere/],
    ['a shared pool without a data source', { pool: 'shared' }, /there is no data source to share/],
    [
      'the schema of the application',
      { dataSource: application, schema: 'public' },
      /which is the schema of the application's own/,
    ],
    [
      'a data source that is not PostgreSQL',
      { dataSource: { options: { type: 'mysql' } } as unknown as DataSource },
      /it is of type "mysql"/,
    ],
  ])('cannot be %s', async (_, options, message) => {
    await expect(placeFor(options)).rejects.toThrow(message);
  });
});
