import { getMetadataArgsStorage } from 'typeorm';

/** A value as any executor may hand it over: our clients give text, a caller's manager what its parsers made of it. */
export type Row = Record<string, unknown>;
type EntityClass<T> = new () => T;

interface EntityColumn {
  property: string;
  name: string;
  type: string;
  isArray: boolean;
  isNullable: boolean;
}

const known = new Map<object, readonly EntityColumn[]>();

/** The entity's columns as its decorators declare them: the classes are the only description of the tables. */
export function columnsOf(entity: EntityClass<unknown>): readonly EntityColumn[] {
  const found = known.get(entity);
  if (found) return found;
  const columns = getMetadataArgsStorage()
    .columns.filter((column) => column.target === entity)
    .map(({ propertyName, options }) => ({
      property: propertyName,
      name: options.name ?? propertyName,
      type: String(options.type),
      isArray: options.array === true,
      isNullable: options.nullable === true,
    }));
  known.set(entity, columns);
  return columns;
}

/** `"id", "job_id", …`, for an INSERT. */
export function columnNames(entity: EntityClass<unknown>): string {
  return columnsOf(entity)
    .map(({ name }) => `"${name}"`)
    .join(', ');
}

/**
 * Columns to select or return. Instants travel as milliseconds and JSON as text, so that no type parser, DateStyle or
 * TimeZone of the connection has a say in what is read.
 */
export function selectList(entity: EntityClass<unknown>, alias: string): string {
  return columnsOf(entity)
    .map((column) => `${expressionFor(column, `${alias}."${column.name}"`)} AS "${column.name}"`)
    .join(', ');
}

function expressionFor({ type, isArray }: EntityColumn, column: string): string {
  if (isArray) return `to_json(${column})::text`;
  if (type === 'timestamptz') return instant(column);
  if (type === 'jsonb') return `${column}::text`;
  return column;
}

/** SQL for an instant in milliseconds. */
export function instant(sql: string): string {
  return `date_part('epoch', ${sql}) * 1000`;
}

export function decodeRow<T extends object>(entity: EntityClass<T>, row: Row): T {
  const decoded = new entity();
  for (const column of columnsOf(entity)) Reflect.set(decoded, column.property, decodeValue(column, row[column.name]));
  return decoded;
}

/** Text is always text where the entity says so, whatever a hand has done to the row: it is what people get to see. */
function decodeValue({ type, isArray, isNullable }: EntityColumn, value: unknown): unknown {
  if (value === null || value === undefined) return type === 'text' && !isArray && !isNullable ? '' : null;
  if (isArray || type === 'jsonb') return typeof value === 'string' ? JSON.parse(value) : value;
  if (type === 'timestamptz') return decodeInstant(value);
  if (type === 'int' || type === 'bigint' || type === 'double precision') return Number(value);
  if (type === 'boolean') return decodeBoolean(value);
  return asText(value);
}

export function decodeInstant(value: unknown): Date {
  return new Date(Math.round(Number(value)));
}

/** Text as it is; a uuid that a parser of the application made something of, by its own idea of text. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : (value as { toString(): string }).toString();
}

export function decodeBoolean(value: unknown): boolean {
  return value === true || value === 't';
}

/** A list that travels as the text of its JSON; nothing: there was none. */
export function decodeList<T>(text: unknown): T[] {
  return typeof text === 'string' ? (JSON.parse(text) as T[]) : [];
}

/** The row by column names, for `jsonb_populate_recordset`. Properties that are not given are left out. */
export function encodeRow<T extends object>(entity: EntityClass<T>, value: Partial<T>): Row {
  const row: Row = {};
  for (const { property, name } of columnsOf(entity)) {
    const given: unknown = Reflect.get(value, property);
    if (given !== undefined) row[name] = encodeValue(given);
  }
  return row;
}

/** An invalid Date would become NULL on its way through JSON, and mean something else; PostgreSQL refuses this text. */
export function encodeValue(value: unknown): unknown {
  return value instanceof Date && Number.isNaN(value.getTime()) ? 'an invalid Date' : value;
}
