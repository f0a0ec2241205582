import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';

import { Outage } from '../../src/store/database-errors.js';
import { Lease } from '../../src/store/lease.js';

const aLease = () =>
  new Lease(
    {} as never,
    (text) => text,
    () => {},
  );

it('a lease keeps nothing of the work that is over', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const lease = aLease();
  const answers: WeakRef<object>[] = [];
  for (let n = 0; n < 100; n++) {
    const answer = await lease.guard(Promise.resolve({ n }));
    answers.push(new WeakRef(answer));
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(answers.filter((answer) => answer.deref()).length).toBeLessThan(5);
  lease.fail(new Outage('gone', false));
});

it('a lease that fails rejects what is waited for, and what comes later', async () => {
  const lease = aLease();
  const never = lease.guard(new Promise(() => {}));
  const gone = new Outage('gone', false);
  lease.fail(gone);
  await expect(never).rejects.toBe(gone);
  await expect(lease.guard(Promise.resolve(1))).rejects.toBe(gone);
});
