// Bundles the planes, the command line and the test harness into lib/, one file each: what the images run and what `meshwright up` starts.
// The examples go to build/, with an SDK bundled beside them, so that `npm start` needs no compile by jsii.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
// @peculiar/x509 does not load without it.
import 'reflect-metadata';

/** Libraries that several bundles use, and not every configuration: one file each (`loadedWhenUsed`). */
const LIBRARIES = ['@grpc/grpc-js', '@peculiar/x509', 're2js', 'yaml'];

const entries = [
  { in: 'runtime/proxy/main.ts', out: 'lib/runtime/proxy', apart: ['re2js', 'yaml'] },
  { in: 'runtime/proxy/worker/main.ts', out: 'lib/runtime/proxy-worker', apart: ['re2js'] },
  { in: 'runtime/proxy/agent/main.ts', out: 'lib/runtime/agent', apart: ['re2js', 'yaml'] },
  { in: 'runtime/proxy/identity/certificate-request-process.ts', out: 'lib/runtime/certificate-request', apart: ['@peculiar/x509'] },
  { in: 'runtime/control-plane/main.ts', out: 'lib/runtime/control-plane', apart: LIBRARIES },
  { in: 'runtime/intercept/main.ts', out: 'lib/runtime/intercept' },
  { in: 'runtime/local/guardian/main.ts', out: 'lib/runtime/guardian' },
  { in: 'cli/main.ts', out: 'lib/cli/meshwright', executable: true, apart: ['yaml'] },
  { in: 'testing/index.ts', out: 'lib/testing/index', apart: LIBRARIES },
  // Two levels deep, as src/private is: from there the SDK reads the package's version.
  { in: 'src/index.ts', out: 'build/sdk/index' },
  ...examples(),
].filter((entry) => existsSync(entry.in));

/** Programs of the examples: the cdk8s app of each, and its services. */
function examples() {
  return readdirSync('examples').flatMap((example) => {
    const folder = join('examples', example);
    const services = join(folder, 'services');
    const files = [join(folder, 'main.ts'), ...(existsSync(services) ? readdirSync(services).map((file) => join(services, file)) : [])];
    return files.map((file) => ({ in: file, out: join('build', dirname(file), basename(file, '.ts')), sdk: true }));
  });
}

/** An example's `meshwright` is the SDK that is bundled beside it. */
const localSdk = (out) => ({
  name: 'local-sdk',
  setup: (builder) => builder.onResolve({ filter: /^meshwright$/ }, () => ({ path: relative(dirname(out), 'build/sdk/index.js'), external: true })),
});

/** gRPC loads .proto files only for channelz and ORCA, which nobody here asks for: 200 kB that every proxy would keep in memory. */
const withoutProtoLoader = {
  name: 'without-proto-loader',
  setup: (builder) => {
    builder.onResolve({ filter: /^@grpc\/proto-loader$/ }, () => ({ path: 'proto-loader', namespace: 'empty' }));
    builder.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Of the Kubernetes client only what knows of clusters and users is used (`source/kubernetes/credentials`): not its generated API of 400 kB, nor the
 * HTTP client and parsers of URLs that it brings for that, which Node has itself, nor SOCKS.
 */
const kubernetesCredentialsOnly = {
  name: 'kubernetes-credentials-only',
  setup: (builder) => {
    const empty = () => ({ path: 'unused', namespace: 'unused' });
    builder.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) => (/client-node[\\/]dist[\\/]config\.js$/.test(importer) ? empty() : undefined));
    builder.onResolve({ filter: /^(node-fetch|jsonpath-plus)$/ }, ({ importer }) => (/client-node[\\/]dist[\\/]/.test(importer) ? empty() : undefined));
    builder.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
    builder.onResolve({ filter: /^socks-proxy-agent$/ }, () => ({ path: 'socks', namespace: 'refused' }));
    const refusal = 'proxy-url of the kubeconfig is a SOCKS proxy, which the control plane does not speak; use an HTTP proxy';
    builder.onLoad({ filter: /.*/, namespace: 'refused' }, () => ({ contents: `exports.SocksProxyAgent = function () { throw new Error('${refusal}'); };` }));
  },
};

/**
 * Packages that not every configuration needs: each is a file of lib/runtime, which is read when something of it is used first. Their source
 * alone, which Node keeps, would be 2 MB of every proxy; and the package has them once for all bundles.
 */
const loadedWhenUsed = (out, packages) => ({
  name: 'loaded-when-used',
  setup: (builder) => {
    builder.onResolve({ filter: /^[@a-z]/ }, ({ path }) => (packages.includes(path) ? { path, namespace: 'when-used' } : undefined));
    builder.onLoad({ filter: /.*/, namespace: 'when-used' }, async ({ path }) => {
      const exported = Object.keys(await import(path)).filter((name) => !['default', 'module.exports', '__esModule'].includes(name));
      // A line for each would be 4 kB of every proxy.
      return { contents: `'${exported.join(' ')}'.split(' ').forEach((name) => Object.defineProperty(exports, name, {
        enumerable: true, get: () => require('${fileOf(path, out)}')[name],
      }));` };
    });
    builder.onResolve({ filter: /.*/, namespace: 'when-used' }, ({ path }) => ({ path, external: true }));
  },
});

const libraryOf = (name) => join('lib/runtime', basename(name));
const fileOf = (name, out) => `./${relative(dirname(out), libraryOf(name))}.js`;

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const apart = LIBRARIES.map((name) => ({ in: name, out: libraryOf(name) }));

// Nothing is written before all of it is there: a bundle that failed leaves what the last one made, whole.
const built = await Promise.all([...entries, ...apart].map(async (entry) => ({
  entry,
  ...await build({
    entryPoints: [entry.in],
    outfile: `${entry.out}.js`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.16',
    // Names stay readable in stack traces and profiles; whitespace does not help anybody.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'linked',
    // Where each function comes from: for profiles, not for what ships.
    sourcemap: entry.in === 'runtime/proxy/main.ts' ? 'external' : undefined,
    sourcesContent: false,
    external: ['meshwright', 'cdk8s', 'cdk8s-plus-27', 'constructs'],
    define: { MESHWRIGHT_VERSION: JSON.stringify(version) },
    plugins: entry.sdk ? [localSdk(entry.out)] : [...(entry.apart ? [loadedWhenUsed(entry.out, entry.apart)] : []), withoutProtoLoader, kubernetesCredentialsOnly],
    banner: entry.executable ? { js: '#!/usr/bin/env node' } : undefined,
    logLevel: 'warning',
    metafile: true,
    write: false,
  }),
})));

for (const { entry, metafile, outputFiles } of built) {
  for (const { path: to, contents } of outputFiles) {
    const path = to.endsWith('.map') ? join('build/maps', basename(to)) : to;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, contents);
    if (entry.executable && path.endsWith('.js')) chmodSync(`${path}.new`, 0o755);
    renameSync(`${path}.new`, path);
  }
  // What went into it: the images' bill of materials.
  if (entry.out.startsWith('lib/runtime/')) {
    mkdirSync('build/inputs', { recursive: true });
    writeFileSync(`build/inputs/${basename(entry.out)}.json`, JSON.stringify(Object.keys(metafile.inputs)));
  }
}
