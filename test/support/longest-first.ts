import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes long, the longest first; a folder stands for its files. What is not named comes after. */
const LONGEST = [
  'test/chaos/server',
  'test/chaos/nodes',
  'test/chaos/network',
  'libs/scheduler/test/engine/outage-of-a-year.spec',
  'test/shutdown-is-bounded',
  'test/deploy-is-quiet',
  'libs/scheduler/test/protocol/protocol.spec',
  'test/chaos',
  'libs/scheduler/test/store/typeorm-job-store',
  'test/',
  'libs/testing/test',
  'libs/scheduler/test/chaos',
  'libs/scheduler/test/engine',
  'libs/scheduler/test/store',
];

/** So that no worker is left alone with a long file at the end. A fresh clone knows no durations. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId, project }: TestSpecification): number => {
      const path = relative(project.config.root, moduleId).replaceAll('\\', '/');
      const place = LONGEST.findIndex((start) => path.startsWith(start));
      return place === -1 ? LONGEST.length : place;
    };
    return Promise.resolve(files.toSorted((a, b) => placeOf(a) - placeOf(b)));
  }
}
