import { BadRequestException, Body, ConflictException, Controller, Post } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { CustomerService } from './customer.service.js';

const UNIQUE_VIOLATION = '23505';

@Controller('customers')
export class CustomerController {
  constructor(private readonly customers: CustomerService) {}

  @Post()
  async signUp(@Body() body: unknown): Promise<{ id: number; reminder: string }> {
    const { id } = await this.customers.signUp(readCustomer(body)).catch(explain);
    return { id, reminder: `remind-customer-${id}` };
  }
}

function readCustomer(body: unknown): { name: string; email: string } {
  const { name, email } = (body ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || name.trim() === '' || typeof email !== 'string' || !email.includes('@')) {
    throw new BadRequestException('Send {"name": "Ada", "email": "ada@example.com"}.');
  }
  return { name, email };
}

function explain(error: unknown): never {
  const code: unknown = error instanceof QueryFailedError ? (error.driverError as { code?: unknown }).code : null;
  if (code === UNIQUE_VIOLATION) throw new ConflictException('There is a customer with this email already.');
  throw error;
}
