// Bundles the planes, the command line and the test harness into lib/, one file each: what the images run and what `meshwright up` starts.
import { chmodSync, existsSync } from 'node:fs';
import { build } from 'esbuild';

const entries = [
  { in: 'runtime/proxy/main.ts', out: 'lib/runtime/proxy' },
  { in: 'runtime/control-plane/main.ts', out: 'lib/runtime/control-plane' },
  { in: 'cli/main.ts', out: 'lib/cli/meshwright', executable: true },
  { in: 'testing/index.ts', out: 'lib/testing/index' },
].filter((entry) => existsSync(entry.in));

for (const entry of entries) {
  await build({
    entryPoints: [entry.in],
    outfile: `${entry.out}.js`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.16',
    // Names stay readable in stack traces and profiles; whitespace does not help anybody.
    minifyWhitespace: true,
    legalComments: 'linked',
    external: ['meshwright', 'cdk8s', 'cdk8s-plus-27', 'constructs'],
    banner: entry.executable ? { js: '#!/usr/bin/env node' } : undefined,
    logLevel: 'warning',
  });
  if (entry.executable) chmodSync(`${entry.out}.js`, 0o755);
}
