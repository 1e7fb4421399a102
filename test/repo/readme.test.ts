import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as ts from 'typescript';
import { warnings } from '../program';

const root = resolve(__dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].filter(([, found]) => found === language).map(([, , text]) => text!);
}

const MODULES: Readonly<Record<string, () => unknown>> = {
  'cdk8s': () => jest.requireActual('cdk8s'),
  'cdk8s-plus-27': () => jest.requireActual('cdk8s-plus-27'),
  'meshwright': () => jest.requireActual('../../src'),
  'meshwright/testing': () => jest.requireActual('../../testing'),
};

/** Runs a program, and returns what it printed to standard error and the manifests that it synthesized. */
function run(program: string): { printed: string; manifests: string } {
  const outdir = mkdtempSync(join(tmpdir(), 'meshwright-readme-'));
  const before = process.env.CDK8S_OUTDIR;
  process.env.CDK8S_OUTDIR = outdir;
  try {
    const { outputText } = ts.transpileModule(program, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } });
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const printed = warnings(() => new Function('exports', 'require', outputText)({}, (name: string) => MODULES[name]!()));
    return { printed, manifests: readdirSync(outdir).map((file) => readFileSync(join(outdir, file), 'utf8')).join('---\n') };
  } finally {
    if (before === undefined) delete process.env.CDK8S_OUTDIR;
    else process.env.CDK8S_OUTDIR = before;
    rmSync(outdir, { recursive: true, force: true });
  }
}

describe('README', () => {
  const [mesh, ...continued] = blocks('ts');

  test('its programs compile, the later ones as continuations of the first', () => {
    const options: ts.CompilerOptions = {
      ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.dev.json'), ts.sys.readFile).config, ts.sys, root).options,
      noUnusedLocals: false,
    };
    const file = join(root, 'test/repo/readme.virtual.ts');
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    const program = [mesh, ...continued].join('\n');
    host.fileExists = (name) => name === file || fileExists.call(host, name);
    host.readFile = (name) => (name === file ? program : readFile.call(host, name));
    host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, program, rest[0]) : getSourceFile.call(host, name, ...rest));
    const compiled = ts.createProgram([file], options, host);
    const source = compiled.getSourceFile(file)!;
    const said = [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)]
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
    expect(said).toEqual([]);
  });

  test('the first program has no finding, and makes the manifests that stand below it', () => {
    const { printed, manifests } = run(mesh!);
    expect(printed).toBe('');
    expect(blocks('yaml').length).toBeGreaterThan(0);
    for (const excerpt of blocks('yaml')) expect(manifests).toContain(excerpt);
  });

  test('the finding that it shows is the one that synth gives', () => {
    const finding = blocks('').find((text) => text.startsWith('MW112'))!;
    const wrong = mesh!.replace('perTry: Duration.millis(300)', 'perTry: Duration.millis(500)');
    expect(wrong).not.toBe(mesh);
    expect(() => run(wrong)).toThrow(finding.trim());
  });

  test('the whole program runs, continuations and all', () => {
    const whole = [mesh!.replace('app.synth();', ''), ...continued, 'app.synth();'].join('\n');
    // Imports stand at the top, whichever block brings them.
    expect(() => run(whole)).not.toThrow();
  });

  test('its two commands are what CI runs first', () => {
    expect(blocks('sh').map((text) => text.trim())).toEqual(['npm ci && npm start', 'npm ci && npm test']);
    const script = readFileSync(join(root, '.ci/run'), 'utf8');
    const commands = [...script.matchAll(/^ {2}(npm ci && .*)$/gm)].map(([, command]) => command);
    expect(commands).toEqual(['npm ci && npm start -- --duration 15s', 'npm ci && npm test']);
    expect(readme).toContain('`npm start -- --duration 15s`');
  });

  test.each(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'])('%s links to files that are there', (name) => {
    const text = readFileSync(join(root, name), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });

  test('the files that ARCHITECTURE.md names are there', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    const named = [...text.matchAll(/`((?:src|runtime|test|docs|projenrc|examples|bench|crds|cli|testing)\/[\w./-]*)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
