import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { asError, describeError, redact } from '../../src/engine/json.js';
import type { ErrorRecord } from '../../src/store/job-execution.entity.js';

function caused(depth: number): Error {
  return depth === 0 ? new Error('root') : new Error(`level ${depth}`, { cause: caused(depth - 1) });
}

function messages(record: ErrorRecord | undefined): string[] {
  return record === undefined ? [] : [record.message, ...messages(record.cause)];
}

function throwing(): never {
  throw new Error('do not touch');
}

/** A cause that has another cause, without end. */
function endless(): Error {
  return Object.defineProperty(new Error('again'), 'cause', { get: endless });
}

describe('The record of an error', () => {
  it('keeps the chain of its causes, each with name, message and stack', () => {
    const record = describeError(new TypeError('outer', { cause: new RangeError('inner', { cause: 'a text' }) }));
    expect(record).toMatchObject({
      name: 'TypeError',
      message: 'outer',
      stack: expect.stringContaining('error-record.spec'),
      cause: { name: 'RangeError', message: 'inner', stack: expect.any(String), cause: { name: 'NonError' } },
    });
    expect(messages(record)).toEqual(['outer', 'inner', 'a text']);
  });

  it('keeps the errors of an AggregateError', () => {
    const errors = [new Error('one'), 'two', new Error('three', { cause: new Error('of three') })];
    expect(describeError(new AggregateError(errors, 'all failed'))).toMatchObject({
      name: 'AggregateError',
      errors: [{ message: 'one' }, { message: 'two' }, { message: 'three', cause: { message: 'of three' } }],
    });
  });

  it.each<[string, Error]>([
    ['a chain of a hundred causes', caused(100)],
    ['causes without end', endless()],
    [
      'a million errors',
      new AggregateError(
        Array.from({ length: 1_000_000 }, (_, n) => `error ${n}`),
        'all',
      ),
    ],
    ['long texts everywhere', new AggregateError(Array.from({ length: 20 }, () => new Error('x'.repeat(1_000_000))))],
  ])('is bounded: %s', (_, error) => {
    const text = JSON.stringify(describeError(error));
    expect(text.length).toBeLessThan(60_000);
    expect(text.split('"name"').length - 1).toBe(9);
  });

  it('follows no ring', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    (error.cause as Error).cause = error;
    expect(messages(describeError(error))).toEqual(['outer', 'inner']);
    const aggregate = new AggregateError([], 'self');
    aggregate.errors.push(aggregate, error);
    expect(describeError(aggregate).errors).toMatchObject([{ message: 'outer' }]);
  });

  it.each<[string, object]>([
    ['a cause that throws', { cause: { get: throwing } }],
    ['errors that throw', { errors: { get: throwing } }],
    ['a cause that is a proxy', { cause: { value: new Proxy({}, { get: throwing, getPrototypeOf: throwing }) } }],
    ['errors that are a proxy', { errors: { value: new Proxy([], { get: throwing }) } }],
  ])('stands without %s', (_, properties) => {
    const error = Object.defineProperties(new Error('outer'), properties as PropertyDescriptorMap);
    expect(describeError(error)).toMatchObject({ name: 'Error', message: 'outer' });
  });

  it('is as whole when it comes from another realm, as those of Node do under Jest', () => {
    const error: unknown = runInNewContext(`new TypeError('outer', { cause: new RangeError('inner') })`);
    expect(error).not.toBeInstanceOf(Error);
    expect(describeError(error)).toMatchObject({
      name: 'TypeError',
      message: 'outer',
      stack: expect.stringContaining('TypeError: outer') as string,
      cause: { name: 'RangeError', message: 'inner' },
    });
    expect(asError(error)).toBe(error);
  });

  it('has no password in its causes either', () => {
    const cause = new Error('connect postgres://shop:hunter2@db/shop');
    const record = describeError(new AggregateError([new Error("password='hunter2'")], 'failed', { cause }));
    expect(JSON.stringify(record)).not.toContain('hunter2');
  });
});

describe('Passwords are taken out of', () => {
  it.each([
    ['postgres://shop:hunter2@db:5432/shop', 'postgres://shop:***@db:5432/shop'],
    ['postgres://shop:hunt%40er2%2F@db/shop', 'postgres://shop:***@db/shop'],
    ['postgres://shop:hunt@er2@db/shop', 'postgres://shop:***@db/shop'],
    ['redis://:hunter2@cache', 'redis://:***@cache'],
    ['at "amqp://a:hunter2@mq", twice: amqp://b:hunter2@mq', 'at "amqp://a:***@mq", twice: amqp://b:***@mq'],
    ['host=db password=hunter2 user=shop', 'host=db password=*** user=shop'],
    ["password = 'hunt \\' er2' dbname=shop", 'password = *** dbname=shop'],
    ["cut off: password='hunt er2", 'cut off: password=***'],
    ['Server=db;Pwd=hunter2;Database=shop', 'Server=db;Pwd=***;Database=shop'],
    ['postgres://db/shop?user=a&password=hunter2&ssl=1', 'postgres://db/shop?user=a&password=***&ssl=1'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=*** psql'],
    ['{"user":"a","password":"hunter2"}', '{"user":"a","password":"***"}'],
  ])('%s', (text, without) => {
    expect(redact(text)).toBe(without);
  });

  it.each([
    'password authentication failed for user "shop"',
    'http://a:80/ and c@d',
    'The password: it is too short',
    'postgres://db:5432/shop',
  ])('and nothing else: %s', (text) => {
    expect(redact(text)).toBe(text);
  });
});
