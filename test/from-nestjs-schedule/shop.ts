import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Stands for the services that your jobs call: here each piece of work is a row. */
@Injectable()
export class Shop {
  constructor(private readonly dataSource: DataSource) {}

  async work(what: string): Promise<void> {
    await this.dataSource.query('INSERT INTO work (what) VALUES ($1)', [what]);
  }
}
