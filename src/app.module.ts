import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SchedulerModule } from 'nestjs-vigil';
import { AppSettings } from './app.settings.js';
import { CustomerController } from './customers/customer.controller.js';
import { CustomerService } from './customers/customer.service.js';
import { ReminderService } from './customers/reminder.service.js';
import { SignUpJob } from './customers/sign-up.job.js';
import { JobController } from './http/job.controller.js';
import { OwnAddress } from './http/own.address.js';
import { PartnerController } from './http/partner.controller.js';
import { CartExpiryJob } from './jobs/cart-expiry.job.js';
import { CatalogImportJob } from './jobs/catalog-import.job.js';
import { HeartbeatJob } from './jobs/heartbeat.job.js';
import { SalesReportJob } from './jobs/sales-report.job.js';
import { WebhookJob } from './jobs/webhook.job.js';
import { openShop, SHOP_ENTITIES, shopOptions } from './shop/shop.data-source.js';

/** What a process ran that was killed is found by the others, or by the next start, within two of these. */
const LEASE_MS = 15_000;

/** A small shop, and the jobs it needs. */
@Module({})
export class AppModule {
  static register(settings: AppSettings): DynamicModule {
    const { aroundJob, databaseUrl, schedulerUrl = databaseUrl, shutdownTimeoutMs } = settings;
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({ ...shopOptions(databaseUrl), retryAttempts: 0 }),
          dataSourceFactory: openShop,
        }),
        TypeOrmModule.forFeature(SHOP_ENTITIES),
        // Its own connections; without this it would take the shop's settings, impatient client included.
        SchedulerModule.forRoot({
          connection: { url: schedulerUrl },
          leaseMs: LEASE_MS,
          shutdownTimeoutMs,
          ...(aroundJob && { aroundJob }),
        }),
      ],
      controllers: [CustomerController, JobController, PartnerController],
      providers: [
        { provide: AppSettings, useValue: settings },
        CartExpiryJob,
        CatalogImportJob,
        CustomerService,
        HeartbeatJob,
        OwnAddress,
        ReminderService,
        SalesReportJob,
        SignUpJob,
        WebhookJob,
      ],
    };
  }
}
