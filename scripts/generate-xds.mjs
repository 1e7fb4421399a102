// Generates runtime/xds/gen from Envoy's protos (npm @grpc/grpc-js-xds carries them) and from ours in runtime/xds/proto.
//
//   node scripts/generate-xds.mjs
//
// 1. copies what xds-roots.mjs needs into a temporary folder, adding the fields of newer Envoys that we use;
// 2. compiles it with buf, offline;
// 3. prunes the compiled descriptors to what the roots reach, except by fields that the proxy refuses and nobody writes, and drops options and Envoy's comments:
//    what is left in a bundle is what a proxy holds in memory all its life;
// 4. runs protoc-gen-es on the rest and writes the list of roots as TypeScript.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { build } from 'esbuild';
import { prune, stubRefused } from './xds-prune.mjs';
import { additions, named, roots, UNSUPPORTED, writtenForOthers } from './xds-roots.mjs';

const project = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const deps = join(project, 'node_modules/@grpc/grpc-js-xds/deps');
const includes = [
  join(project, 'runtime/xds/proto'), join(deps, 'envoy-api'), join(deps, 'xds'), join(deps, 'googleapis'), join(deps, 'protoc-gen-validate'),
];
const out = join(project, 'runtime/xds/gen');

const work = mkdtempSync(join(tmpdir(), 'meshwright-xds-'));
try {
  const copy = join(work, 'proto');
  Object.keys(roots).forEach((file) => copyWithImports(file, copy));
  for (const addition of additions) add(join(copy, addition.file), addition);
  writeFileSync(join(copy, 'buf.yaml'), 'version: v2\n');
  buf(['build', '.', '-o', join(work, 'all.binpb')], copy);

  const set = fromBinary(FileDescriptorSetSchema, readFileSync(join(work, 'all.binpb')));
  const accepted = await acceptedFields();
  const unused = (type, field) => !(field in accepted[type]) && !writtenForOthers[type]?.includes(field);
  stubRefused(set, (type, field) => type in accepted && unused(type, field), UNSUPPORTED);
  const pruned = prune(set, Object.values(roots).flat(), (file) => file.startsWith('meshwright/'));
  writeFileSync(join(work, 'pruned.binpb'), toBinary(FileDescriptorSetSchema, pruned));

  const gen = join(work, 'gen');
  writeFileSync(join(work, 'buf.gen.yaml'), JSON.stringify({
    version: 'v2',
    plugins: [{ local: join(project, 'node_modules/.bin/protoc-gen-es'), out: gen, opt: ['target=ts', 'import_extension=none'] }],
  }));
  buf(['generate', join(work, 'pruned.binpb'), '--template', join(work, 'buf.gen.yaml')], work);
  writeFileSync(join(gen, 'roots.ts'), rootsModule());

  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  cpSync(gen, out, { recursive: true });
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The proxy's table of what it takes: message type → field → rule. */
async function acceptedFields() {
  const outfile = join(work, 'accepted.mjs');
  await build({ entryPoints: [join(project, 'runtime/proxy/config/accepted/index.ts')], outfile, bundle: true, platform: 'node', format: 'esm' });
  return (await import(pathToFileURL(outfile))).accepted;
}

function buf(args, cwd) {
  execFileSync(process.execPath, [join(project, 'node_modules/@bufbuild/buf/bin/buf'), ...args], {
    cwd, stdio: 'inherit', env: { ...process.env, BUF_CACHE_DIR: join(work, 'cache') },
  });
}

/** Copies a proto file and everything it imports, except what every compiler brings (google/protobuf). */
function copyWithImports(file, target) {
  const to = join(target, file);
  if (existsSync(to)) return;
  const from = includes.map((dir) => join(dir, file)).find((path) => existsSync(path));
  if (!from) throw new Error(`${file}: not found in ${includes.join(', ')}`);
  mkdirSync(dirname(to), { recursive: true });
  const text = readFileSync(from, 'utf8');
  writeFileSync(to, text);
  for (const [, imported] of text.matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)"\s*;/gm)) {
    if (!imported.startsWith('google/protobuf/')) copyWithImports(imported, target);
  }
}

/** Adds fields to a message or oneof of a copied file, unless a newer package already has them. */
function add(path, { container, fields, imports = [] }) {
  let text = readFileSync(path, 'utf8');
  const missing = fields.filter((field) => !new RegExp(`\\b${field.match(/(\w+) = \d+/)[1]} = \\d+`).test(text));
  if (missing.length === 0) return;
  const opening = new RegExp(`^\\s*${container} \\{$`, 'm');
  if (!opening.test(text)) throw new Error(`${path}: no '${container} {'`);
  text = text.replace(opening, (match) => `${match}\n${missing.map((field) => `  ${field};\n`).join('')}`);
  for (const imported of imports) {
    if (!text.includes(`import "${imported}";`)) text = text.replace(/^import /m, `import "${imported}";\nimport `);
  }
  writeFileSync(path, text);
}

/** The messages that may stand alone: in an Any, on a stream, in a file; and the names of those that an Any may hold unread. */
function rootsModule() {
  const lines = ['// Written by scripts/generate-xds.mjs.', ''];
  const names = [];
  for (const [file, types] of Object.entries(roots)) {
    const messages = types.filter((type) => !type.endsWith('Service'));
    if (messages.length === 0) continue;
    const imported = messages.map((type) => {
      const symbol = `${type.replace(/^(?:[a-z0-9_]+\.)+/, '').replaceAll('.', '_')}Schema`;
      const name = names.some((known) => known === symbol) ? `${symbol}${names.length}` : symbol;
      names.push(name);
      return name === symbol ? symbol : `${symbol} as ${name}`;
    });
    lines.push(`import { ${imported.join(', ')} } from './${file.replace(/\.proto$/, '_pb')}';`);
  }
  return `${lines.join('\n')}\n\nexport const roots = [\n${names.map((name) => `  ${name},\n`).join('')}] as const;
\n/** Types of Envoy's that nothing here reads. */\nexport const named: ReadonlySet<string> = new Set([\n${named.map((name) => `  '${name}',\n`).join('')}]);\n`;
}
