import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far one import of the supplier's catalog has come: an import that was interrupted goes on from here. */
@Entity({ name: 'catalog_import' })
export class CatalogImportEntity {
  /** The execution that imports; the same one when it is run again. */
  @PrimaryColumn({ name: 'execution_id', type: 'uuid' })
  executionId!: string;

  @Column({ name: 'pages_done', type: 'int' })
  pagesDone!: number;
}
