import { Controller, Get, HttpStatus, NotFoundException, Param, Post, Res } from '@nestjs/common';
import { JobNotFoundError, SchedulerService, type SchedulerHealth } from 'nestjs-vigil';

interface JobLine {
  id: string;
  state: string;
  schedule: string;
  nextRunAt: Date | null;
  runs: number;
}
interface Response {
  status(code: number): unknown;
}

@Controller()
export class JobController {
  constructor(private readonly scheduler: SchedulerService) {}

  @Get()
  async listJobs(): Promise<JobLine[]> {
    const { items } = await this.scheduler.getJobs({ limit: 100 });
    return items.map(({ id, state, schedule, nextRunAt, runCount }) => ({
      id,
      state,
      schedule,
      nextRunAt,
      runs: runCount,
    }));
  }

  /** 503 while nothing can be claimed; `alive` says whether a restart would help. */
  @Get('health')
  health(@Res({ passthrough: true }) response: Response): SchedulerHealth {
    const health = this.scheduler.health();
    if (!health.ready) response.status(HttpStatus.SERVICE_UNAVAILABLE);
    return health;
  }

  @Post('jobs/:id/run')
  async run(@Param('id') id: string): Promise<{ executionId: string }> {
    try {
      const execution = await this.scheduler.runJob(id, { by: 'HTTP' });
      return { executionId: execution.id };
    } catch (error) {
      if (error instanceof JobNotFoundError) throw new NotFoundException(error.message);
      throw error;
    }
  }
}
