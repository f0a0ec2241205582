import type { SchedulerConnection } from './store-options.js';

/** `host:port/database`, for people; never the user's password. */
export function placeOf(connection: SchedulerConnection): string {
  const url = parse(connection.url);
  const host = connection.host ?? (url?.hostname || 'localhost');
  const port = connection.port ?? (url?.port || 5432);
  const database = connection.database ?? decodeURIComponent(url?.pathname.slice(1) ?? '');
  return `${host}:${port}${database ? `/${database}` : ''}`;
}

/** Takes the connection's secrets out of a text that pg, Node or a name server wrote. */
export function redactorOf(connection: SchedulerConnection): (text: string) => string {
  const secrets = secretsOf(connection);
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}

function secretsOf({ url, password }: SchedulerConnection): string[] {
  const ofUrl = parse(url)?.password;
  return [url, typeof password === 'string' ? password : undefined, ofUrl, ofUrl && decoded(ofUrl)]
    .filter((secret) => secret !== undefined && secret.length > 2)
    .map(String);
}

function parse(url: string | undefined): URL | null {
  return url !== undefined && URL.canParse(url) ? new URL(url) : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
