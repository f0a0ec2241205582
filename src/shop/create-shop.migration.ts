import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateShop1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE shop.customer (
        id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE,
        signed_up_at timestamptz NOT NULL DEFAULT now(), reminded_at timestamptz);
      CREATE TABLE shop.product (
        id serial PRIMARY KEY, sku text NOT NULL UNIQUE, name text NOT NULL, price_cents int NOT NULL,
        imported_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE shop.cart (
        id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES shop.customer,
        product_id int NOT NULL REFERENCES shop.product, state text NOT NULL, expires_at timestamptz NOT NULL);
      CREATE INDEX cart_expiry ON shop.cart (expires_at) WHERE state = 'open';
      CREATE TABLE shop.orders (
        id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES shop.customer,
        product_id int NOT NULL REFERENCES shop.product, quantity int NOT NULL, total_cents int NOT NULL,
        ordered_at timestamptz NOT NULL);
      CREATE INDEX orders_ordered_at ON shop.orders (ordered_at);
      CREATE TABLE shop.catalog_import (execution_id uuid PRIMARY KEY, pages_done int NOT NULL);`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE shop.catalog_import, shop.orders, shop.cart, shop.product, shop.customer');
  }
}
