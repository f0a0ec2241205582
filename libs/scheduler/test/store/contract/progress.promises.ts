import { describe, expect, it } from 'vitest';

import type { JobExecutionEntity } from '../../../src/store/job-execution.entity.js';
import type { OutcomeRecord, ProgressUpdate } from '../../../src/store/job-store.js';
import { changed, outcomeOf } from '../builders.js';
import { claimed, executionOf, running, type Fixture } from './fixture.js';

export function progressPromises(fixture: Fixture): void {
  const complete = async (outcome: OutcomeRecord) => (await fixture.store.complete([outcome]))[0];

  describe('progress', () => {
    it('is kept while the execution runs, and after it', async () => {
      const { execution } = await running(fixture.store);
      const progress = { fraction: 0.5, message: 'halfway' };
      await fixture.store.saveProgress([{ executionId: execution.id, leaseEpoch: 1, progress, logs: null }]);
      expect(await executionOf(fixture.store, execution.id)).toEqual(changed(execution, { progress }));
      await complete(outcomeOf(execution));
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({ progress });
    });

    it('has a message that may spell \\u0000', async () => {
      const { execution } = await running(fixture.store);
      const progress = { fraction: 0.5, message: 'read "\\u0000"' };
      await fixture.store.saveProgress([{ executionId: execution.id, leaseEpoch: 1, progress, logs: null }]);
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({ progress });
    });

    it('gives way to the one that comes with the outcome', async () => {
      const { execution } = await running(fixture.store);
      await complete(outcomeOf(execution, { progress: { fraction: 1, message: null } }));
      expect(await executionOf(fixture.store, execution.id)).toMatchObject({
        progress: { fraction: 1, message: null },
      });
    });

    it('of another epoch, or after the end, is dropped', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      const late = { executionId: execution.id, progress: { fraction: 0.1, message: null }, logs: null };
      await store.saveProgress([{ ...late, leaseEpoch: 2 }]);
      await complete(outcomeOf(execution));
      await store.saveProgress([{ ...late, leaseEpoch: 1 }]);
      expect(await executionOf(store, execution.id)).toMatchObject({ progress: null });
    });
  });

  describe('log lines', () => {
    const numbered = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
    /** Lines in their place: `from` to `to`. */
    const linesOf = (execution: JobExecutionEntity, from: number, to: number): ProgressUpdate => {
      const logs = { from, lines: numbered(from, to) };
      return { executionId: execution.id, leaseEpoch: execution.leaseEpoch, progress: null, logs };
    };
    const logsOf = async (execution: JobExecutionEntity) => (await executionOf(fixture.store, execution.id)).logs;

    it('are added in their place, beside the progress, and what is written twice is there once', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      const progress = { fraction: 0.5, message: null };
      expect(await store.saveProgress([{ ...linesOf(execution, 0, 2), progress }])).toEqual([]);
      await store.saveProgress([linesOf(execution, 2, 4)]);
      await store.saveProgress([linesOf(execution, 2, 4)]);
      await store.saveProgress([linesOf(execution, 1, 5)]);
      expect(await executionOf(store, execution.id)).toMatchObject({ logs: numbered(0, 5), progress });
    });

    it('that come too late, or before those that precede them, change nothing', async () => {
      const { store } = fixture;
      const { execution } = await running(store);
      await store.saveProgress([linesOf(execution, 0, 4)]);
      await store.saveProgress([linesOf(execution, 0, 2), linesOf(execution, 6, 8)]);
      expect(await logsOf(execution)).toEqual(numbered(0, 4));
    });

    it('come with the outcome, and stay for the next attempt', async () => {
      const { store } = fixture;
      const { node, execution } = await running(store);
      await store.saveProgress([linesOf(execution, 0, 2)]);
      await complete(outcomeOf(execution, { status: 'pending', logs: { from: 1, lines: ['one', 'two'] } }));
      const [next] = await claimed(store, node);
      expect(next!.logs).toEqual(['line 0', 'one', 'two']);
      await store.saveProgress([{ ...linesOf(execution, 3, 5) }]);
      await complete(outcomeOf(next!, { logs: { from: 3, lines: ['"quoted"', 'a, {b}', '\\ und ü'] } }));
      expect(await logsOf(execution)).toEqual(['line 0', 'one', 'two', '"quoted"', 'a, {b}', '\\ und ü']);
    });

    it('stay as they are with an outcome that has none', async () => {
      const { execution } = await running(fixture.store);
      await fixture.store.saveProgress([linesOf(execution, 0, 2)]);
      await complete(outcomeOf(execution));
      expect(await logsOf(execution)).toEqual(numbered(0, 2));
    });

    it('of an attempt that is over are the newest of a bounded number', async () => {
      const { execution } = await running(fixture.store);
      await fixture.store.saveProgress([linesOf(execution, 0, 299)]);
      await complete(outcomeOf(execution, { logs: { from: 299, lines: numbered(299, 302) } }));
      expect(await logsOf(execution)).toEqual(numbered(2, 302));
    });

    it('of another epoch are dropped', async () => {
      const { execution } = await running(fixture.store);
      await fixture.store.saveProgress([{ ...linesOf(execution, 0, 2), leaseEpoch: 2 }]);
      expect(await logsOf(execution)).toEqual([]);
    });
  });
}
