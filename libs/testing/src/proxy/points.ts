/** One statement of a recorded scenario. */
export interface Point {
  /** Its place among all statements, from 1. */
  readonly number: number;
  /** Its text, with runs of whitespace as one space. */
  readonly statement: string;
  /** Which of the statements with this text it is, from 1. */
  readonly occurrence: number;
}

/** The statements that have passed since the recording was started. */
export class PointRecorder {
  #points: Point[] | null = null;
  readonly #occurrences = new Map<string, number>();

  get points(): readonly Point[] {
    return this.#points ?? [];
  }

  start(): void {
    this.#points = [];
    this.#occurrences.clear();
  }

  record(text: string): void {
    if (!this.#points) return;
    const statement = normalized(text);
    const occurrence = (this.#occurrences.get(statement) ?? 0) + 1;
    this.#occurrences.set(statement, occurrence);
    this.#points.push({ number: this.#points.length + 1, statement, occurrence });
  }
}

export function normalized(statement: string): string {
  return statement.replace(/\s+/g, ' ').trim();
}
