import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUpOptions } from '../../cli/up-options';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshwright-'));
  mkdirSync(join(root, 'dist'));
});
afterEach(() => rmSync(root, { recursive: true }));

test('the settings are found in the folder or beside it', () => {
  const dist = join(root, 'dist');
  expect(parseUpOptions([dist])).toMatchObject({ folder: dist, settings: undefined, load: true, ui: true, duration: undefined });
  writeFileSync(join(root, 'meshwright.local.yaml'), '');
  expect(parseUpOptions([dist])!.settings).toBe(join(root, 'meshwright.local.yaml'));
  writeFileSync(join(dist, 'meshwright.local.yaml'), '');
  expect(parseUpOptions([dist])!.settings).toBe(join(dist, 'meshwright.local.yaml'));
});

test('every address block has a folder of its own for what a run leaves', () => {
  expect(parseUpOptions([root, '--addresses', '127.80.0.0/16', '--duration', '1m30s', '--no-ui'])).toMatchObject({
    state: expect.stringMatching(/\.meshwright.run-127\.80$/), duration: 90_000, ui: false,
  });
});

test('help is asked for; mistakes are said', () => {
  expect(parseUpOptions(['--help'])).toBeUndefined();
  expect(() => parseUpOptions([])).toThrow('up takes one folder of manifests');
  expect(() => parseUpOptions([join(root, 'none')])).toThrow('no such folder; synthesize the manifests first');
  expect(() => parseUpOptions([root, '--duration', '15'])).toThrow('--duration 15: must be a time such as 15s or 2m');
  expect(() => parseUpOptions([root, '--nonsense'])).toThrow('--nonsense');
});
