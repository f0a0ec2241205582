/** Where mutants and tests stand. */
const SOURCE = 'libs/scheduler/src';
const TEST = 'libs/scheduler/test';

export const engine = (name) => `${SOURCE}/engine/${name}.ts`;
export const store = (name) => `${SOURCE}/store/${name}.ts`;
export const statement = (name) => `${SOURCE}/store/statements/${name}.ts`;
export const MIGRATION = `${SOURCE}/store/migrations/1763800000000-create-tables.ts`;

/** A test of a spec file. */
export const spec = (name, title) => ({ test: `${TEST}/${name}.spec.ts`, title });

/** A promise of every store, tested on PostgreSQL. */
export const contract = (promises, title) => ({
  test: `${TEST}/store/typeorm-job-store.spec.ts`,
  titleIn: `${TEST}/store/contract/${promises}.promises.ts`,
  title,
});

/** A promise of every store's audit, tested on PostgreSQL. */
export const audit = (title) => ({ ...contract('audit', title), test: `${TEST}/store/typeorm-audit.spec.ts` });
