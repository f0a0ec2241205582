import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { DataSource } from 'typeorm';
import { CatalogImportEntity } from '../shop/catalog-import.entity.js';
import { ProductEntity } from '../shop/product.entity.js';
import { supplierCatalog, type Article } from './supplier-catalog.js';

/** A long job: it tells how far it is, ends when it is asked to, and goes on where it stopped. */
@Injectable()
export class CatalogImportJob {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @ScheduledJob({
    id: 'import-catalog',
    every: '2m',
    description: 'Copies the supplier’s catalog.',
    timeoutMs: 300_000,
  })
  async importCatalog(context: JobContext): Promise<string> {
    const first = await this.#pagesDone(context.executionId);
    for (let page = first; page < supplierCatalog.pages; page++) {
      const articles = await supplierCatalog.readPage(page, context.signal);
      await this.#save(context.executionId, page, articles);
      context.progress((page + 1) / supplierCatalog.pages, `page ${page + 1} of ${supplierCatalog.pages}`);
    }
    await this.dataSource.manager.delete(CatalogImportEntity, { executionId: context.executionId });
    return first === 0 ? `${supplierCatalog.pages} pages` : `went on at page ${first + 1} of ${supplierCatalog.pages}`;
  }

  async #pagesDone(executionId: string): Promise<number> {
    const found = await this.dataSource.manager.findOneBy(CatalogImportEntity, { executionId });
    return found?.pagesDone ?? 0;
  }

  /** A page and the note that it is done, together: neither is there without the other. */
  async #save(executionId: string, page: number, articles: readonly Article[]): Promise<void> {
    const products = articles.map((article) => ({ ...article, importedAt: new Date() }));
    await this.dataSource.transaction(async (manager) => {
      await manager.upsert(ProductEntity, products, ['sku']);
      await manager.upsert(CatalogImportEntity, { executionId, pagesDone: page + 1 }, ['executionId']);
    });
  }
}
