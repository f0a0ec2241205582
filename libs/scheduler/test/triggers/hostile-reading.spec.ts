import { afterEach, describe, expect, it, vi } from 'vitest';
import { cron } from '../../src/triggers/cron.trigger.js';
import { InvalidTriggerError } from '../../src/triggers/trigger.js';

/** Far more than a sound expression needs, and soon reached by one that is read without end. */
const MOST_LOOKS = 20_000;

afterEach(() => vi.restoreAllMocks());

describe('a field with an H in it is read as strictly as any other: what is no whole number is refused,', () => {
  it.each([
    'H(0-1),0-59/1e-9 * * * *',
    'H/5,0-59/.00001 * * * *',
    '* H(0-1),0-23/0.0001 * * *',
    'H(0-1),0-5/0.001 * * * *',
    'H(1-1),0-5/1e400 * * * *',
    'H(0-1),1.5 * * * *',
    'H(5-5),0x10 * * * *',
    '0 0 * * H(1-1),0-7/0.7',
    '0 0 29 2 H(5-5),1.5',
  ])('%s', (expression) => {
    const looks = countLooks();
    expect(() => cron(expression)).toThrow(InvalidTriggerError);
    expect(looks.count).toBeLessThan(MOST_LOOKS);
  });
});

/** Counts how often a list is looked through, and ends a reading that would not end by itself. */
function countLooks(): { count: number } {
  const { indexOf } = Array.prototype;
  const looks = { count: 0 };
  vi.spyOn(Array.prototype, 'indexOf').mockImplementation(function (this: unknown[], ...values) {
    looks.count += 1;
    if (looks.count > MOST_LOOKS) throw new Error('It goes on and on.');
    return indexOf.apply(this, values);
  });
  return looks;
}
