import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';

@Injectable()
export class RatesCache implements OnModuleInit {
  readAt = new Date(0);

  onModuleInit(): void {
    this.refresh();
  }

  @Interval('rates', 30_000)
  refresh(): void {
    this.readAt = new Date();
  }
}
