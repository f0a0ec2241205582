import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

import { checkEvent } from '../libs/scheduler/src/module/event-names.js';
import { checkOptions } from '../libs/scheduler/src/module/options.check.js';
import { blocksOf, type CodeBlock } from './support/code-blocks.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const inDocs = readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `docs/${path}`);
const pages = ['README.md', 'CONTRIBUTING.md', 'libs/scheduler/README.md', 'libs/testing/README.md', ...inDocs];
const textOf = (page: string): string => readFileSync(resolve(root, page), 'utf8');

/** An ES module, wherever it would stand. */
const ESM = { languageVersion: ts.ScriptTarget.ESNext, impliedNodeFormat: ts.ModuleKind.ESNext } as const;

interface Placed {
  page: string;
  block: CodeBlock;
}

/** Blocks of a page can import each other by the file that the comment before them names. */
function placed(): Map<string, Placed> {
  const files = new Map<string, Placed>();
  for (const page of pages) {
    for (const block of blocksOf(textOf(page))) {
      const { file, line } = block;
      const path = resolve(root, 'test/blocks', page, file ?? `line-${line}.ts`);
      expect(files.has(path), `${page}:${line}: there is a block ${file} above. Give this one another name.`).toBe(
        false,
      );
      files.set(path, { page, block });
    }
  }
  return files;
}

function problemsIn(files: ReadonlyMap<string, Placed>): string[] {
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile, directoryExists } = host;
  const code = (path: string): string | undefined => files.get(path)?.block.code;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.directoryExists = (path) =>
    [...files.keys()].some((file) => file.startsWith(`${path}/`)) || directoryExists!.call(host, path);
  host.readFile = (path) => code(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const text = code(path);
    return text === undefined ? getSourceFile.call(host, path, ...rest) : ts.createSourceFile(path, text, ESM);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, { page, block }]) => {
    const source = program.getSourceFile(path);
    const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return problems.map(({ start = 0, messageText }) => {
      const line = block.line + source!.getLineAndCharacterOfPosition(start).line;
      return `${page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}

it('The quick start of the README fits in 20 lines', () => {
  const quickStart = blocksOf(textOf('README.md').split('<!-- quick-start -->')[1] ?? '')[0]?.code ?? '';
  expect(quickStart).toContain('@ScheduledJob');
  expect(quickStart.trim().split('\n').length).toBeLessThanOrEqual(20);
});

it('Every TypeScript block of the documentation compiles', () => {
  const files = placed();
  expect(files.size).toBeGreaterThanOrEqual(20);
  expect(problemsIn(files)).toEqual([]);
}, 120_000);

it('No code of the documentation escapes the compiler', () => {
  const escaped = pages.flatMap((page) =>
    textOf(page)
      .split('\n')
      .flatMap((line, index) =>
        /^\s+```ts|```(typescript|tsx|js|javascript)\b/.test(line) ? [`${page}:${index + 1}: ${line}`] : [],
      ),
  );
  expect(escaped, 'Write ```ts at the beginning of the line.').toEqual([]);
});

it('The index of the documentation has every page', () => {
  const index = textOf('docs/README.md');
  const missing = inDocs.filter((page) => page !== 'docs/README.md' && !page.startsWith('docs/adr/'));
  expect(missing.filter((page) => !index.includes(`(${page.slice('docs/'.length)})`))).toEqual([]);
});

it.each<[string, string, () => unknown]>([
  ['option of the module', 'Options', () => checkOptions('default', { nonsense: 1 })],
  ['event', 'Events', () => checkEvent('on', 'nonsense')],
])('Every %s has its line in the reference', (_, section, refused) => {
  const message = messageOf(refused);
  const names = message.slice(message.lastIndexOf(': ') + 2).match(/[\w.-]*\w/g) ?? [];
  expect(names.length).toBeGreaterThan(15);
  const table = textOf('docs/reference/module-options.md').split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  expect(names.filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
});

it('Every link of the documentation leads somewhere', () => {
  const isThere = (page: string, to: string): boolean => existsSync(resolve(root, page, '..', to));
  const dead = pages.flatMap((page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, to]) => to!);
    return links.filter((to) => !isThere(page, to)).map((to) => `${page}: ${to}`);
  });
  expect(dead).toEqual([]);
});

function messageOf(refused: () => unknown): string {
  try {
    refused();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It was not refused.');
}
