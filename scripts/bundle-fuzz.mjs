// Bundles the fuzzer into build/fuzz/main.js, with counters in what is fuzzed: the proxy, xDS, and the protobuf library below it.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { build } from 'esbuild';
import { instrument } from './instrument.mjs';

const counted = /[\\/](runtime[\\/](proxy|xds)|node_modules[\\/]@bufbuild[\\/]protobuf)[\\/].*\.[jt]s$/;

await build({
  entryPoints: ['test/fuzz/main.ts'],
  outfile: 'build/fuzz/main.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.16',
  tsconfigRaw: {},
  sourcemap: 'inline',
  banner: { js: 'globalThis.__edge = () => {};' },
  define: { MESHWRIGHT_VERSION: '"fuzz"' },
  logLevel: 'warning',
  plugins: [{
    name: 'instrument',
    setup: (builder) => builder.onLoad({ filter: counted }, ({ path }) => ({
      contents: instrument(readFileSync(path, 'utf8'), relative('.', path)), loader: path.endsWith('.ts') ? 'ts' : 'js',
    })),
  }],
});
