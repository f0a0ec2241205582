import pg from 'pg';

/** A connected client that ends with the block it is declared in, and does not fall over a lost connection. */
export async function connect(url: string, config: pg.ClientConfig = {}): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000, ...config });
  client.on('error', () => {});
  await client.connect();
  const end = (): Promise<void> => {
    const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
    stream.destroy();
    return Promise.resolve();
  };
  return Object.assign(client, { [Symbol.asyncDispose]: end });
}

/** The first column of the first row. */
export async function ask(url: string, statement: string, values: unknown[] = []): Promise<unknown> {
  await using client = await connect(url);
  const { rows } = await client.query<unknown[]>({ text: statement, values, rowMode: 'array' });
  return rows[0]?.[0];
}
