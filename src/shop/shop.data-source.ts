import { DataSource, type DataSourceOptions } from 'typeorm';
import { CartEntity } from './cart.entity.js';
import { CatalogImportEntity } from './catalog-import.entity.js';
import { CreateShop1764000000000 } from './create-shop.migration.js';
import { CustomerEntity } from './customer.entity.js';
import { ImpatientClient } from './impatient.client.js';
import { OrderEntity } from './order.entity.js';
import { ProductEntity } from './product.entity.js';
import { SeedShop1764000000001 } from './seed-shop.migration.js';

export const SHOP_ENTITIES = [CartEntity, CatalogImportEntity, CustomerEntity, OrderEntity, ProductEntity];
const MIGRATION_LOCK = 7_368_560;

export function shopOptions(url: string): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    schema: 'shop',
    applicationName: 'shop',
    entities: SHOP_ENTITIES,
    migrations: [CreateShop1764000000000, SeedShop1764000000001],
    connectTimeoutMS: 5_000,
    extra: { Client: ImpatientClient, query_timeout: 5_000 },
  };
}

/** Connects, and brings the shop's tables up to date; of several processes that start together, one does it. */
export async function openShop(options: DataSourceOptions | undefined): Promise<DataSource> {
  if (!options) throw new Error('The shop has no data source options.');
  const dataSource = await new DataSource(options).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    await runner.query('CREATE SCHEMA IF NOT EXISTS shop');
    await dataSource.runMigrations();
    await runner.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  } finally {
    await runner.release();
  }
  return dataSource;
}
