import { Module, type DynamicModule } from '@nestjs/common';
import { AppModule } from '../app.module.js';
import type { AppSettings } from '../app.settings.js';
import { EveryFireJob } from './every-fire.job.js';

/** The shop, and one job more. */
@Module({})
export class DemoModule {
  static register(settings: AppSettings): DynamicModule {
    return { module: DemoModule, imports: [AppModule.register(settings)], providers: [EveryFireJob] };
  }
}
