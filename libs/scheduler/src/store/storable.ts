/** Without NUL and halves of surrogate pairs, which PostgreSQL's text does not know. */
export function storable(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}
