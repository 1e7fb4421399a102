// Bundles the load of `npm run integrity` and `npm run soak` into build/integrity/main.js, and what they run: the planes into lib/.
import { build } from 'esbuild';
import './bundle.mjs';

await build({
  entryPoints: ['test/integrity/main.ts'],
  outfile: 'build/integrity/main.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.16',
  packages: 'external',
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
  sourcemap: 'inline',
  logLevel: 'warning',
});
