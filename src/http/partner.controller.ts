import { Controller, HttpCode, Post, ServiceUnavailableException } from '@nestjs/common';

const FAILURE_RATE = 0.3;

/** Plays the partner whose service is often busy. */
@Controller('partner')
export class PartnerController {
  @Post('orders')
  @HttpCode(204)
  receiveOrders(): void {
    if (Math.random() < FAILURE_RATE) throw new ServiceUnavailableException();
  }
}
