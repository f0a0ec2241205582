import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { DataSource } from 'typeorm';
import { AppSettings } from '../app.settings.js';

interface ReportRow {
  sku: string;
  name: string;
  orders: string;
  quantity: string;
  total: string;
}

const ZONE = 'Europe/Paris';
const HEADER = ['sku', 'name', 'orders', 'quantity', 'total_eur'];

@Injectable()
export class SalesReportJob {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly settings: AppSettings,
  ) {}

  /** Writes the sales of the day before, in Paris. A second run for the same night makes the same file again. */
  @ScheduledJob('0 30 2 * * *', {
    id: 'nightly-sales-report',
    timeZone: ZONE,
    description: 'Writes yesterday’s sales to a file.',
    retry: { maxAttempts: 3, backoff: { kind: 'exponential', delayMs: 5_000 } },
    timeoutMs: 60_000,
  })
  async writeReport(context: JobContext): Promise<string> {
    const { day, rows } = await this.#salesBefore(context.scheduledAt);
    const lines = [HEADER, ...rows.map((row) => [row.sku, row.name, row.orders, row.quantity, row.total])];
    const path = join(this.settings.reportDirectory, `sales-${day}.csv`);
    await writeWhole(path, lines.map(csvLine).join(''), context.executionId);
    return `${rows.length} products in ${path}`;
  }

  async #salesBefore(instant: Date): Promise<{ day: string; rows: ReportRow[] }> {
    const [{ day }] = await this.dataSource.query<[{ day: string }]>(
      `SELECT to_char(($1::timestamptz AT TIME ZONE $2)::date - 1, 'YYYY-MM-DD') AS day`,
      [instant, ZONE],
    );
    const rows = await this.dataSource.query<ReportRow[]>(
      `SELECT product.sku, product.name, count(*) AS orders, sum(quantity) AS quantity,
         to_char(sum(total_cents) / 100.0, 'FM999999990.00') AS total
       FROM shop.orders JOIN shop.product ON product.id = product_id
       WHERE ordered_at >= $1::date::timestamp AT TIME ZONE $2
         AND ordered_at < ($1::date + 1)::timestamp AT TIME ZONE $2
       GROUP BY product.id ORDER BY sum(total_cents) DESC, product.sku`,
      [day, ZONE],
    );
    return { day, rows };
  }
}

function csvLine(fields: readonly string[]): string {
  return `${fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\n`;
}

/** The file is there whole or not at all: it is written under another name first. */
async function writeWhole(path: string, text: string, unique: string): Promise<void> {
  const unfinished = `${path}.${unique}.unfinished`;
  await mkdir(join(path, '..'), { recursive: true });
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
