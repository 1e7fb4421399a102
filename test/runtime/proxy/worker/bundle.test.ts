import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(__dirname, '../../../..');

/** Files of ours and packages that a program is made of, but for those of which it needs only types. */
async function madeOf(entry: string): Promise<string[]> {
  const { metafile } = await build({ absWorkingDir: root, entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', metafile: true, write: false, external: ['koffi'] });
  return Object.keys(metafile.inputs);
}

const DECODES = /^runtime\/xds\/|^runtime\/proxy\/(ads|bootstrap|config\/(decode|accepted|store|check))|^node_modules\/@bufbuild\//;

test('configuration is decoded once, by the main thread: no worker has what could', async () => {
  const [main, worker] = await Promise.all(['runtime/proxy/main.ts', 'runtime/proxy/worker/main.ts'].map(madeOf));
  expect(main.filter((file) => DECODES.test(file)).length).toBeGreaterThan(20);
  expect(worker.filter((file) => DECODES.test(file))).toEqual([]);
  expect(worker).toContain('runtime/proxy/router/router.ts');
});
