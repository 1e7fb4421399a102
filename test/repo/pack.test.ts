import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as ts from 'typescript';

const root = resolve(__dirname, '../..');
const MEGABYTE = 1_000_000;

interface Packed {
  readonly size: number;
  readonly files: Array<{ path: string; size: number }>;
}

/** What `npm publish` would upload; the embedded copies in the wheel, the jar and the Go module are the same. */
function pack(): Packed {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output)[0];
}

/** Files below `folder`, relative to the root. */
function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** Libraries that several bundles load when something of them is used first. */
const loadedWhenUsed = ['lib/runtime/grpc-js.js', 'lib/runtime/x509.js', 'lib/runtime/re2js.js', 'lib/runtime/yaml.js'];
/** What the proxy runs in threads, and in a process that ends at once. */
const threads = ['lib/runtime/proxy-worker.js', 'lib/runtime/certificate-request.js'];
/** Each plane is one file, beside the licences of what is bundled in it. */
const bundles = [
  'lib/runtime/proxy.js', ...threads, 'lib/runtime/agent.js', 'lib/runtime/control-plane.js', 'lib/runtime/guardian.js', 'lib/runtime/intercept.js', 'lib/cli/meshwright.js', 'lib/testing/index.js', ...loadedWhenUsed,
];

describe('the package', () => {
  const packed = pack();
  const paths = packed.files.map((file) => file.path);
  const own = paths.filter((path) => !path.startsWith('node_modules/'));

  test('ships what jsii compiled, the planes, the CRDs, README and LICENSE, and nothing else', () => {
    const compiled = filesOf('src').map((path) => path.replace(/^src\//, 'lib/').replace(/\.ts$/, ''));
    const expected = [
      '.jsii', 'LICENSE', 'README.md', 'package.json',
      ...compiled.flatMap((path) => [`${path}.d.ts`, `${path}.js`]),
      ...bundles,
      'lib/testing/index.d.ts',
      ...filesOf('lib/testing/types'),
      ...filesOf('crds'),
    ];
    // Not every bundle embeds a library that asks for a notice.
    const notices = bundles.map((path) => `${path}.LEGAL.txt`);
    // Only a release has made its images.
    const optional = [...notices, 'lib/images.json'];
    expect(own.filter((path) => !optional.includes(path)).sort()).toEqual(expected.sort());
  });

  test('bundles zod and re2js, which jsii cannot depend on, and no other library', () => {
    const libraries = new Set(paths.filter((path) => path.startsWith('node_modules/')).map((path) => path.split('/')[1]));
    expect([...libraries].sort()).toEqual(['re2js', 'zod']);
  });

  test('is at most 3.6 MB as it is downloaded, and 8.5 MB unpacked beside the bundled libraries', () => {
    const ours = packed.files.filter((file) => own.includes(file.path)).reduce((sum, file) => sum + file.size, 0);
    expect(packed.size).toBeLessThan(3.6 * MEGABYTE);
    expect(ours).toBeLessThan(8.5 * MEGABYTE);
  });

  test('a proxy keeps at most 1,060 kB of its own source in memory, without the libraries that its configuration may not need', () => {
    expect(packed.files.find(({ path }) => path === 'lib/runtime/proxy.js')!.size).toBeLessThan(1.06 * MEGABYTE);
  });

  test('the declarations of meshwright/testing stand by themselves', () => {
    const program = ts.createProgram([join(root, 'lib/testing/index.d.ts')], {
      module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, target: ts.ScriptTarget.ES2023, noEmit: true, types: ['node'],
    });
    const own_ = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(root, 'lib')));
    const said = own_.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    expect(own_.length).toBeGreaterThan(5);
    expect(said).toEqual([]);
  });
});
