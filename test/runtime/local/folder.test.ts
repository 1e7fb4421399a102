import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManifestMemory, OutputFolder } from '../../../runtime/local/folder';

const object = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;

test('a file that becomes unreadable keeps its last good version, and says so; the others change', () => {
  const memory = new ManifestMemory();
  memory.accept([{ name: 'a.yaml', text: object('one') }, { name: 'b.yaml', text: object('b') }]);
  const { objects, problems } = memory.accept([{ name: 'a.yaml', text: 'kind: [' }, { name: 'b.yaml', text: object('c') }]);
  expect(objects.map(({ metadata }) => metadata.name)).toEqual(['one', 'c']);
  expect(problems).toEqual([{ where: 'a.yaml#1', message: expect.stringMatching(/^no YAML: .*\(the version before stays\)$/) }]);
  expect(memory.accept([{ name: 'b.yaml', text: object('c') }]).objects.map(({ metadata }) => metadata.name)).toEqual(['c']);
});

test('a document that is none costs only itself; a List is what is in it; the second of two of one name is left out', () => {
  const { objects, problems } = new ManifestMemory().accept([
    { name: 'a.yaml', text: `${object('one')}---\nname: 5\n---\nkind: List\nitems: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: two } }]\n---\n` },
    { name: 'b.yaml', text: object('one') },
  ]);
  expect(objects.map(({ metadata }) => metadata.name)).toEqual(['one', 'two']);
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    'a.yaml#2: no Kubernetes object: apiVersion, kind and metadata.name must be texts',
    'b.yaml#1: ConfigMap/one stands in a.yaml#1 already; the first one is used. Remove one of them',
  ]);
});

test('an output folder holds exactly what it was told', () => {
  const root = mkdtempSync(join(tmpdir(), 'meshwright-'));
  try {
    const folder = new OutputFolder(join(root, 'out'));
    folder.replace(new Map([['a.yaml', '1'], ['b.yaml', '2']]));
    folder.replace(new Map([['b.yaml', '3'], ['c.yaml', '4']]));
    expect(readdirSync(join(root, 'out')).sort().map((name) => [name, readFileSync(join(root, 'out', name), 'utf8')])).toEqual([['b.yaml', '3'], ['c.yaml', '4']]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
