import pg from 'pg';

/** Of pg's client, what is not in its types. */
interface Wire {
  connection?: { stream?: { destroy(): void } };
}

/**
 * A client that hangs up when a query took longer than `query_timeout`. pg's own gives the query up and goes back to
 * the pool, where the next one who takes it waits behind the same silence.
 */
export class ImpatientClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    const impatient = (...args: unknown[]): unknown => {
      const answer = query(...args);
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#onFailure(error));
      return answer;
    };
    Object.assign(this, { query: impatient });
  }

  #onFailure(error: unknown): void {
    if (error instanceof Error && error.message === 'Query read timeout') {
      (this as unknown as Wire).connection?.stream?.destroy();
    }
  }
}
