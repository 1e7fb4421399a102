import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Testing } from 'cdk8s';
import * as ts from 'typescript';
import { warnings } from '../program';

const ROOT = join(__dirname, '..', '..');

/** What programs of the documentation may import. */
const MODULES: Readonly<Record<string, () => unknown>> = {
  'cdk8s': () => jest.requireActual('cdk8s'),
  'cdk8s-plus-27': () => jest.requireActual('cdk8s-plus-27'),
  'meshwright': () => jest.requireActual('../../src'),
};

/** The beginning of every program: the one that docs/findings/README.md shows. */
export const PRELUDE = /```ts\n(import [^]*?)```/.exec(readFileSync(join(ROOT, 'docs', 'findings', 'README.md'), 'utf8'))![1]!;

export interface Outcome {
  /** Codes of what stopped the synth. */
  readonly errors: readonly string[];
  /** Codes of what was only printed. */
  readonly warnings: readonly string[];
  readonly text: string;
}

/** Runs a program, written as a user would write it, and synthesizes its charts. */
export function outcome(code: string): Outcome {
  const { outputText } = ts.transpileModule(`${PRELUDE}\n${code}\nexport { app };`, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exported: { app?: any } = {};
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  new Function('exports', 'require', outputText)(exported, (name: string) => MODULES[name]!());
  let refused = '';
  const printed = warnings(() => {
    try {
      for (const chart of exported.app.charts) Testing.synth(chart);
    } catch (error) {
      refused = (error as Error).message;
    }
  });
  const codes = (text: string, line: RegExp): string[] => [...new Set([...text.matchAll(line)].map(([, found]) => found!))].sort();
  return {
    errors: codes(refused, /^\s*(?:\[[^\]]*\] )?(MW\d{3}) /gm),
    warnings: codes(printed, /^warning (MW\d{3}) /gm),
    text: `${refused}\n${printed}`,
  };
}

/** What the compiler says of each program; all in one go, as the library's types are read only once. */
export function diagnose(programs: Readonly<Record<string, string>>): Record<string, string[]> {
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(ROOT, 'tsconfig.dev.json'), ts.sys.readFile).config, ts.sys, ROOT).options,
    paths: { meshwright: [join(ROOT, 'src', 'index.ts')] },
    noUnusedLocals: false,
    noUnusedParameters: false,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const files = new Map(Object.entries(programs).map(([name, code]) => [join(ROOT, 'test', 'mistakes', `${name}.virtual.ts`), `${PRELUDE}\n${code}\nexport {};`]));
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists.call(host, file);
  host.readFile = (file) => files.get(file) ?? readFile.call(host, file);
  host.getSourceFile = (file, ...rest) => {
    const code = files.get(file);
    return code === undefined ? getSourceFile.call(host, file, ...rest) : ts.createSourceFile(file, code, rest[0]);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return Object.fromEntries(Object.keys(programs).map((name, index) => {
    const source = program.getSourceFile([...files.keys()][index]!)!;
    return [name, [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))];
  }));
}
