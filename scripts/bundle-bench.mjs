// Bundles the benchmarks into build/bench/. The package under test stays outside: it is loaded from lib/, as its users load it.
import { build } from 'esbuild';

await build({
  entryPoints: ['bench/main.ts', 'bench/synth/sample.ts', 'bench/h1/allocation-probe.ts', 'bench/control-plane/server.ts'],
  outdir: 'build/bench',
  outbase: 'bench',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.16',
  packages: 'external',
  // Without the paths of tsconfig.dev.json, which lead into src/.
  tsconfigRaw: {},
  logLevel: 'warning',
});
