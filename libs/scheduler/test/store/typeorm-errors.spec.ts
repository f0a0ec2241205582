import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import { placeOf, redactorOf } from '../../src/store/connection-place.js';
import { connectError, openingError } from '../../src/store/database-errors.js';
import { JobStoreConfigurationError } from '../../src/store/errors.js';

const url = 'postgres://app:hunter%2F2@db.example:6543/orders';
const connection = { url };

describe('an error of the connection', () => {
  it('is printed without the url, the password, and whatever hung on it', () => {
    const raw = new TypeError(`Invalid URL: ${url}, read as hunter/2 and hunter%2F2`);
    Object.assign(raw, { code: 'ERR_INVALID_URL', input: url, client: { password: 'hunter/2' } });
    const error = openingError(raw, placeOf(connection), redactorOf(connection));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    for (const each of [error, connectError(raw, redactorOf(connection))])
      expect(inspect(each, { depth: 12, showHidden: true })).not.toContain('hunter');
  });

  it('names the place of the database, without its user', () => {
    expect(placeOf(connection)).toBe('db.example:6543/orders');
    expect(placeOf({ host: 'db', password: 'hunter2', username: 'app', database: 'd' })).toBe('db:5432/d');
    expect(placeOf({ url: 'not a url with hunter2' })).not.toContain('hunter2');
  });

  it('of several addresses tells all of them', () => {
    const parts = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'].map(
      (text) => new Error(text),
    );
    const { message } = connectError(new AggregateError(parts), (text) => text);
    expect(message).toBe(parts.map((part) => part.message).join('; '));
  });
});
