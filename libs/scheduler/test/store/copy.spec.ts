import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { copyOf } from '../../src/store/copy.js';

describe('A copy', () => {
  it('is deep, and says the same', () => {
    const row = { id: 'a', at: new Date(5), none: null, missing: undefined, tags: ['x', { at: new Date(6) }], n: 1.5 };
    const copy = copyOf(row);
    expect(copy).toStrictEqual(row);
    expect(copy.at).not.toBe(row.at);
    expect(copy.tags).not.toBe(row.tags);
    expect(copy.tags[1]).not.toBe(row.tags[1]);
  });

  it('is of this realm, whatever realm the original is of: Jest runs code in another one than that of Node', () => {
    const foreign = runInNewContext('({ at: new Date(5), list: [{}] })') as { at: Date; list: object[] };
    expect(foreign.at).not.toBeInstanceOf(Date);
    const copy = copyOf(foreign);
    expect(copy.at).toBeInstanceOf(Date);
    expect(copy).toStrictEqual({ at: new Date(5), list: [{}] });
  });

  it('keeps a key that is called like a prototype where it is', () => {
    const hostile = JSON.parse('{"__proto__": {"a": [1]}, "b": null}') as object;
    const copy = copyOf(hostile);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"a":[1]},"b":null}');
  });

  it('leaves the class of a row behind', () => {
    class Row {
      constructor(readonly id: string) {}
    }
    expect(Object.getPrototypeOf(copyOf(new Row('a')))).toBe(Object.prototype);
  });
});
