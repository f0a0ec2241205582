import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import { placeOf, redactorOf } from '../../src/store/connection-place.js';
import { connectError, openingError, queryError, unavailable, type Outage } from '../../src/store/database-errors.js';
import { JobStoreConfigurationError, JobStoreUnavailableError } from '../../src/store/errors.js';

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

  const place = placeOf(connection);
  const same = (text: string): string => text;

  it.each([TypeError, ReferenceError, SyntaxError])('%o while opening is a defect, not an outage', (Defect) => {
    const defect = new Defect('x.query is not a function');
    const inQuery = unavailable(queryError(defect, same) as Outage, place, 'not-written');
    for (const each of [defect, inQuery]) {
      const error = openingError(each, place, same);
      expect(error).toBeInstanceOf(JobStoreConfigurationError);
      expect(error.message).toMatch(/x\.query is not a function.*defect.*two versions of TypeORM/);
    }
  });

  it('that has no SQLSTATE is an outage while opening', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(openingError(refused, place, same)).toBeInstanceOf(JobStoreUnavailableError);
  });

  it('of several addresses tells all of them', () => {
    const parts = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'].map(
      (text) => new Error(text),
    );
    const { message } = connectError(new AggregateError(parts), (text) => text);
    expect(message).toBe(parts.map((part) => part.message).join('; '));
  });
});
