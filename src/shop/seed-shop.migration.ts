import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The same shop each time, set around the day it is made: three months of orders up to now, and carts of which one
 * expires every twenty seconds for the next eleven hours.
 */
export class SeedShop1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO shop.customer (name, email, signed_up_at, reminded_at)
      SELECT first || ' ' || last, lower(first || '.' || last || n || '@example.com'), at, at + interval '1 day'
      FROM generate_series(1, 500) n,
        LATERAL (SELECT (ARRAY['Ada','Bo','Chloé','Dmitri','Eve','Femi','Grace','Hugo','Inès','Jun'])[1 + n % 10] AS first,
          (ARRAY['Arnaud','Brandt','Costa','Dubois','Eriksen','Fischer','Garcia'])[1 + n % 7] AS last,
          now() - (100 + n % 300) * interval '1 day' AS at) seed;

      INSERT INTO shop.product (sku, name, price_cents)
      SELECT 'SKU-' || lpad(n::text, 5, '0'),
        (ARRAY['Blue','Oak','Linen','Steel','Paper'])[1 + n % 5] || ' ' ||
        (ARRAY['lamp','chair','mug','clock','shelf','notebook','blanket'])[1 + n % 7], 500 + n * 37 % 9500
      FROM generate_series(1, 1000) n;

      INSERT INTO shop.cart (customer_id, product_id, state, expires_at)
      SELECT 1 + n * 7 % 500, 1 + n * 13 % 1000, 'open', now() + (n - 20) * interval '20 seconds'
      FROM generate_series(1, 2000) n;

      INSERT INTO shop.orders (customer_id, product_id, quantity, total_cents, ordered_at)
      SELECT 1 + n * 11 % 500, product.id, quantity, quantity * product.price_cents, now() - n * interval '43 minutes'
      FROM generate_series(1, 3000) n, LATERAL (SELECT 1 + n % 3 AS quantity) seed
      JOIN shop.product ON true
      WHERE product.id = 1 + n * 17 % 1000;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('TRUNCATE shop.orders, shop.cart, shop.product, shop.customer');
  }
}
