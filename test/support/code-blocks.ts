/** A block of code in a page of the documentation. */
export interface CodeBlock {
  /** `ts`, `sh` and the like. */
  language: string;
  code: string;
  /** Where its code begins. */
  line: number;
  /** What a comment such as <!-- app.module.ts --> right before it says; null: there is none. */
  file: string | null;
}

const BLOCK = /(?:<!-- (?<file>\S+\.ts) -->\n\n?)?^```(?<language>\w+)\n(?<code>.*?)^```$/gms;

/** The blocks of a page in a language, in order. */
export function blocksOf(page: string, language = 'ts'): CodeBlock[] {
  return [...page.matchAll(BLOCK)]
    .map(({ groups, index, 0: whole }) => ({
      language: groups!['language']!,
      code: groups!['code']!,
      line: page.slice(0, index + whole.indexOf('```')).split('\n').length + 1,
      file: groups!['file'] ?? null,
    }))
    .filter((block) => block.language === language);
}
