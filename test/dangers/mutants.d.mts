export interface Mutant {
  /** What is done to the defence. */
  what: string;
  file: string;
  /** Texts that are in the file once, and what takes their place. */
  edits: readonly (readonly [find: string, replace: string])[];
  /** The spec file that is run. */
  test: string;
  /** Where the title is written. @default `test` */
  titleIn?: string;
  /** Part of the title of the test that fails. */
  title: string;
  /** It computes for ever: that it does not end is how it is caught. */
  hangs?: boolean;
}
export interface Danger {
  number: number;
  danger: string;
  mutants: readonly Mutant[];
  /** Why it, or the rest of it, cannot be tested yet. */
  later?: string;
}
export const dangers: readonly Danger[];
export function withoutDefence(text: string, mutant: Mutant): string;
