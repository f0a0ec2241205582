const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Without NUL and halves of surrogate pairs, which PostgreSQL's text does not know. */
export function storable(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** false: no row has it, because PostgreSQL's text knows no NUL, and asking for it would be an error. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000');
}

/** false: no column of uuids has it, and asking for it would be an error. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
