import {
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { JobContext, MemoryJobStore, ScheduledJob, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { beforeEach, expect, it, onTestFinished } from 'vitest';

import { LogRecorder, resultOf } from './support.js';

const NEVER = '0 0 0 1 1 *';

let asked: string[] = [];
beforeEach(() => (asked = []));

/** What is made for requests: each says that it was asked, and stands in the way of everything. */
@Injectable()
class Guard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    asked.push(`guard of ${context.getType()}`);
    return false;
  }
}
@Injectable()
class Interceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): ReturnType<CallHandler['handle']> {
    asked.push('interceptor');
    return next.handle();
  }
}
@Injectable()
class Pipe implements PipeTransform {
  transform(): never {
    asked.push('pipe');
    throw new Error('no value is good enough');
  }
}
@Catch()
class Filter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    asked.push('filter');
    const response = host.switchToHttp().getResponse<{ status(code: number): { end(): void } }>();
    response.status(error instanceof HttpException ? error.getStatus() : 500).end();
  }
}

@Controller()
@UseGuards(Guard)
@UseInterceptors(Interceptor)
@UsePipes(Pipe)
@UseFilters(Filter)
class Reports {
  @Get()
  show(): string {
    return 'shown';
  }
  @ScheduledJob(NEVER)
  send(context: JobContext): string {
    return `sent ${context.jobId}`;
  }
  @ScheduledJob(NEVER)
  fail(): void {
    throw new Error('the report is empty');
  }
}

async function listening(): Promise<{ url: string; scheduler: SchedulerService }> {
  const module = await Test.createTestingModule({
    imports: [SchedulerModule.forRoot({ store: new MemoryJobStore() })],
    controllers: [Reports],
    providers: [
      { provide: APP_GUARD, useClass: Guard },
      { provide: APP_INTERCEPTOR, useClass: Interceptor },
      { provide: APP_PIPE, useClass: Pipe },
      { provide: APP_FILTER, useClass: Filter },
    ],
  })
    .setLogger(new LogRecorder())
    .compile();
  const app = module.createNestApplication();
  app.useGlobalGuards(new Guard());
  app.useGlobalInterceptors(new Interceptor());
  app.useGlobalPipes(new Pipe());
  app.useGlobalFilters(new Filter());
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), scheduler: app.get(SchedulerService) };
}

it('Nothing that an application makes for HTTP is applied to jobs, also of a controller that has it', async () => {
  const { url, scheduler } = await listening();
  expect((await fetch(url)).status).toBe(403);
  expect(asked).toEqual(['guard of http', 'filter']);
  asked = [];
  expect(await resultOf({ scheduler }, 'Reports.send')).toBe('sent Reports.send');
  expect(asked).toEqual([]);
});

it('No exception filter takes the error of a job', async () => {
  const { scheduler } = await listening();
  using events = recordEvents(scheduler, ['execution.failed']);
  await scheduler.runJob('Reports.fail');
  const { execution } = await events.waitFor('execution.failed');
  expect(execution).toMatchObject({ status: 'failed', error: { name: 'Error', message: 'the report is empty' } });
  expect(asked).toEqual([]);
});
