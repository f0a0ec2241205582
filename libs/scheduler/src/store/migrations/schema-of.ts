import type { DataSource, QueryRunner } from 'typeorm';

/** Quoted. Its name for the data source differs between TypeORM 0.3 and 1. */
export function schemaOf(queryRunner: QueryRunner): string {
  const { dataSource, connection } = queryRunner as { dataSource?: DataSource; connection?: DataSource };
  const options = (dataSource ?? connection)?.options as { schema?: string } | undefined;
  return `"${options?.schema ?? 'scheduler'}"`;
}
