import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Chart } from 'cdk8s';
import { Bank } from '../../examples/banking/bank';
import { Shop } from '../../examples/ecommerce/shop';
import { Sensors } from '../../examples/iot/sensors';

const GOLDENS = join(__dirname, '..', 'testdata', 'examples');
const EXAMPLES: Readonly<Record<string, (app: App) => Chart>> = {
  banking: (app) => new Bank(app, 'bank'),
  ecommerce: (app) => new Shop(app, 'shop'),
  iot: (app) => new Sensors(app, 'iot'),
};
const update = process.env.UPDATE_GOLDENS === '1';

/** The bytes that synth writes. */
function synthesized(build: (app: App) => Chart): string {
  const outdir = mkdtempSync(join(tmpdir(), 'meshwright-'));
  try {
    const app = new App({ outdir });
    build(app);
    app.synth();
    return readdirSync(outdir).sort().map((file) => readFileSync(join(outdir, file), 'utf8')).join('---\n');
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

test.each(Object.entries(EXAMPLES))('%s: its manifests, and not a finding', (name, build) => {
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const made = synthesized(build);
  expect(said.mock.calls).toEqual([]);
  said.mockRestore();
  expect(synthesized(build)).toBe(made);
  const file = join(GOLDENS, `${name}.yaml`);
  if (update) writeFileSync(file, made);
  expect(existsSync(file)).toBe(true);
  expect(made).toBe(readFileSync(file, 'utf8'));
});

test('every golden has its example', () => {
  const stale = readdirSync(GOLDENS).filter((file) => !Object.hasOwn(EXAMPLES, file.replace(/\.yaml$/, '')));
  if (update) stale.forEach((file) => unlinkSync(join(GOLDENS, file)));
  expect(update ? [] : stale).toEqual([]);
});
