import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(resolve(root, 'README.md'), 'utf8');
const inDocs = readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `docs/${path}`);
const others = ['libs/testing/README.md', ...inDocs].map((path) => readFileSync(resolve(root, path), 'utf8'));
const blocks = [...[readme, ...others].join('\n').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? '');

/** An ES module, wherever it would stand. */
const ESM = { languageVersion: ts.ScriptTarget.ESNext, impliedNodeFormat: ts.ModuleKind.ESNext } as const;

it('The quick start of the README fits in 20 lines', () => {
  const quickStart = readme.split('<!-- quick-start -->')[1]?.match(/```ts\n(.*?)```/s)?.[1] ?? '';
  expect(quickStart).toContain('@ScheduledJob');
  expect(quickStart.trim().split('\n').length).toBeLessThanOrEqual(20);
});

it('Every TypeScript block of the documentation compiles', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(3);
  const files = new Map(blocks.map((code, index) => [resolve(root, 'test', `readme-${index}.ts`), code]));
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const code = files.get(path);
    return code === undefined ? getSourceFile.call(host, path, ...rest) : ts.createSourceFile(path, code, ESM);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const problems = [...files.keys()].flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)));
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
}, 120_000);
