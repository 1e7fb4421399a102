import { mkdir, mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { VirtualClock } from '../../../runtime/clock/virtual';
import type { Documents } from '../../../runtime/control-plane/resources';
import { CombinedSource, FolderSource, parseManifests, readFolder, type WatchFolder } from '../../../runtime/control-plane/source';
import { isManifest } from '../../../runtime/control-plane/source/folder-reader';

const DEBOUNCE = 100;
const PATIENCE = 2000;
const manifest = (name: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: {ports: [{port: 80}]}\n`;

/** A folder whose notifications the test makes itself, on a clock that it moves itself. */
class Folder {
  readonly clock = new VirtualClock();
  readonly sets: Documents[] = [];
  private awaited: ((set: Documents) => void) | undefined;
  private notify: (path: string) => void = () => {};
  closedWatchers = 0;
  readonly source: FolderSource;

  constructor(readonly path: string, watch?: WatchFolder) {
    this.source = new FolderSource(path, {
      clock: this.clock,
      debounce: DEBOUNCE,
      patience: PATIENCE,
      watch: watch ?? ((_folder, onChange) => {
        this.notify = onChange;
        return { ready: Promise.resolve(), close: async () => { this.closedWatchers += 1; } };
      }),
    });
    this.source.subscribe((set) => {
      this.sets.push(set);
      this.awaited?.(set);
    });
  }

  async put(file: string, text: string): Promise<void> {
    await writeFile(join(this.path, file), text);
    this.notify(join(this.path, file));
  }

  async remove(file: string): Promise<void> {
    await unlink(join(this.path, file));
    this.notify(join(this.path, file));
  }

  changed(file: string): void {
    this.notify(join(this.path, file));
  }

  /** The set that comes of moving the clock. */
  async after(milliseconds: number): Promise<Documents> {
    const next = new Promise<Documents>((done) => { this.awaited = done; });
    this.clock.advance(milliseconds);
    return next;
  }
}

let path: string;
beforeEach(async () => { path = await mkdtemp(join(tmpdir(), 'meshwright-folder-')); });
afterEach(async () => { await rm(path, { recursive: true, force: true }); });

const names = ({ documents }: Documents) => documents.map(({ value }) => (value as { metadata: { name: string } }).metadata.name);
const locations = ({ documents }: Documents) => documents.map(({ location }) => location);

async function started(files: Record<string, string> = {}): Promise<Folder> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(path, file, '..'), { recursive: true });
    await writeFile(join(path, file), text);
  }
  const folder = new Folder(path);
  await folder.source.start();
  return folder;
}

test('all manifests of a folder and its subfolders, in the order of names', async () => {
  const folder = await started({
    'b.yaml': `${manifest('b1')}---\n---\n${manifest('b2')}`,
    'a/x.yml': manifest('x'),
    'c.json': JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [{ metadata: { name: 'c' } }] }),
    'README.md': 'kind: nothing',
    '.hidden/y.yaml': manifest('y'),
    '.b.yaml.swp': 'x',
    'a/.#x.yml': 'x',
  });
  expect(folder.sets).toHaveLength(1);
  expect(names(folder.sets[0])).toEqual(['x', 'b1', 'b2', 'c']);
  expect(locations(folder.sets[0])).toEqual(['a/x.yml:1', 'b.yaml:1', 'b.yaml:7', 'c.json:1 items[0]']);
  expect(names(await readFolder(path))).toEqual(['x', 'b1', 'b2', 'c']);
  await folder.source.close();
  expect(folder.closedWatchers).toBe(1);
});

test('changes of several files within the quiet time are one set', async () => {
  const folder = await started({ 'a.yaml': manifest('a') });
  await folder.put('b.yaml', manifest('b'));
  folder.clock.advance(DEBOUNCE - 1);
  await folder.put('c.yaml', manifest('c'));
  folder.clock.advance(DEBOUNCE - 1);
  await folder.remove('a.yaml');
  expect(names(await folder.after(DEBOUNCE))).toEqual(['b', 'c']);
  expect(folder.sets).toHaveLength(2);
  expect(folder.clock.timers).toBe(0);
});

test('changes that do not end are not waited out', async () => {
  const folder = await started();
  for (let time = 0; time < 1000; time += DEBOUNCE / 2) {
    await folder.put('a.yaml', manifest(`a${time}`));
    if (time < 950) folder.clock.advance(DEBOUNCE / 2);
  }
  expect(folder.sets).toHaveLength(1);
  expect(names(await folder.after(DEBOUNCE / 2))).toEqual(['a950']);
});

test('a file with an error in it counts as it last was, and says so', async () => {
  const folder = await started({ 'a.yaml': `${manifest('a1')}---\n${manifest('a2')}` });
  // Half of it: as an editor leaves it for a moment.
  await folder.put('a.yaml', `${manifest('a1')}---\napiVersion: v1\nmetadata: {name`);
  const broken = await folder.after(DEBOUNCE);
  expect(names(broken)).toEqual(['a1', 'a2']);
  expect(broken.unreadable).toEqual([{ location: 'a.yaml:7', message: expect.stringContaining('; its last valid version stays in force') as string }]);
  await folder.put('a.yaml', manifest('a2'));
  const mended = await folder.after(DEBOUNCE);
  expect(names(mended)).toEqual(['a2']);
  expect(mended.unreadable).toEqual([]);
});

test('a new file with an error holds nothing', async () => {
  const folder = await started({ 'a.yaml': 'a: [' });
  expect(names(folder.sets[0])).toEqual([]);
  expect(folder.sets[0].unreadable[0].message).not.toContain('last valid');
});

test('an empty file is being written, unless it stays empty', async () => {
  const folder = await started({ 'a.yaml': manifest('a') });
  await folder.put('a.yaml', '');
  expect(names(await folder.after(DEBOUNCE))).toEqual(['a']);
  await folder.put('a.yaml', manifest('b'));
  expect(names(await folder.after(DEBOUNCE))).toEqual(['b']);
  await folder.put('a.yaml', '');
  expect(names(await folder.after(DEBOUNCE))).toEqual(['b']);
  expect(names(await folder.after(PATIENCE))).toEqual([]);
  // With nothing but comments it says what it means.
  await folder.put('a.yaml', manifest('c'));
  await folder.after(DEBOUNCE);
  await folder.put('a.yaml', '# nothing\n');
  expect(names(await folder.after(DEBOUNCE))).toEqual([]);
});

test('a file that is replaced by renaming is never gone', async () => {
  const folder = await started({ 'a.yaml': manifest('a') });
  await writeFile(join(path, 'a.yaml.tmp'), manifest('b'));
  await rename(join(path, 'a.yaml.tmp'), join(path, 'a.yaml'));
  // What watchers tell of it differs: gone and there again, or only changed.
  folder.changed('a.yaml');
  folder.changed('a.yaml.tmp');
  folder.changed('a.yaml');
  expect(names(await folder.after(DEBOUNCE))).toEqual(['b']);
  expect(folder.sets.map(names)).toEqual([['a'], ['b']]);
});

test('a change while the folder is first read is read after it, and nobody sees a part', async () => {
  await writeFile(join(path, 'a.yaml'), manifest('a'));
  let ready = () => {};
  let folder: Folder | undefined;
  const watching = new Promise<(changed: string) => void>((begun) => {
    folder = new Folder(path, (_folder, onChange) => {
      begun(onChange);
      return { ready: new Promise((done) => { ready = done; }), close: async () => {} };
    });
  });
  if (!folder) throw new Error('not made');
  const start = folder.source.start();
  await writeFile(join(path, 'b.yaml'), manifest('b'));
  (await watching)(join(path, 'b.yaml'));
  folder.clock.advance(DEBOUNCE);
  expect(folder.sets).toEqual([]);
  ready();
  await start;
  expect(folder.sets.map(names).every((found) => found.includes('a') && found.includes('b'))).toBe(true);
  await folder.source.close();
});

test('the file system tells of changes by itself', async () => {
  const clock = new VirtualClock();
  let told: (changed: string) => void = () => {};
  const changes = (file: string) => new Promise<void>((done) => { told = (changed) => { if (changed.endsWith(file)) done(); }; });
  const source = new FolderSource(path, { clock, debounce: DEBOUNCE, onChange: (changed) => told(changed) });
  let set: Documents = { documents: [], unreadable: [] };
  let heard: () => void = () => {};
  source.subscribe((next) => {
    set = next;
    heard();
  });
  await source.start();
  const act = async (file: string, action: () => Promise<void>) => {
    const change = changes(file);
    await action();
    await change;
    const next = new Promise<void>((done) => { heard = done; });
    clock.advance(DEBOUNCE);
    await next;
    return names(set);
  };
  await mkdir(join(path, 'sub'));
  expect(await act('sub/a.yaml', async () => writeFile(join(path, 'sub/a.yaml'), manifest('a')))).toEqual(['a']);
  expect(await act('sub/a.yaml', async () => {
    await writeFile(join(path, 'sub/a.yaml.tmp'), manifest('b'));
    await rename(join(path, 'sub/a.yaml.tmp'), join(path, 'sub/a.yaml'));
  })).toEqual(['b']);
  expect(await act('sub/a.yaml', async () => unlink(join(path, 'sub/a.yaml')))).toEqual([]);
  await source.close();
});

test('no folder, no start', async () => {
  const source = new FolderSource(join(path, 'none'), { clock: new VirtualClock() });
  await expect(source.start()).rejects.toThrow('is not a folder; --source folder:DIR names one with manifests');
  await source.close();
});

test('several sources tell nothing before each has told everything', async () => {
  const left = new Folder(path);
  const other = await mkdtemp(join(tmpdir(), 'meshwright-folder-'));
  const right = new Folder(other);
  await writeFile(join(path, 'a.yaml'), manifest('a'));
  await writeFile(join(other, 'b.yaml'), manifest('b'));
  const both = new CombinedSource([left.source, right.source]);
  const seen: string[][] = [];
  both.subscribe((set) => seen.push(names(set)));
  await left.source.start();
  expect(seen).toEqual([]);
  await right.source.start();
  expect(seen).toEqual([['a', 'b']]);
  await right.put('b.yaml', manifest('c'));
  await right.after(DEBOUNCE);
  expect(seen.at(-1)).toEqual(['a', 'c']);
  await both.close();
  await rm(other, { recursive: true });
});

test.each([
  ['a.yaml', true], ['a/b.yml', true], ['a.JSON', true], ['a.yaml~', false], ['.a.yaml', false], ['a/.git/b.yaml', false], ['..data/a.yaml', false], ['a.txt', false],
])('%s is a manifest: %s', (file, expected) => expect(isManifest(file)).toBe(expected));

describe('parsing', () => {
  test('comments, empty documents and nulls are nothing', () => {
    expect(parseManifests('# a\n---\n---\nnull\n---\n', 'f')).toEqual({ kind: 'documents', documents: [] });
    expect(parseManifests('', 'f')).toEqual({ kind: 'documents', documents: [] });
  });

  test('items of a list, each with its place', () => {
    const parsed = parseManifests('---\napiVersion: v1\nkind: List\nitems: [{a: 1}, {b: 2}]\n', 'f.yaml');
    expect(parsed).toEqual({ kind: 'documents', documents: [{ value: { a: 1 }, location: 'f.yaml:2 items[0]' }, { value: { b: 2 }, location: 'f.yaml:2 items[1]' }] });
  });

  test('a key that stands twice is an error, in YAML and JSON', () => {
    expect(parseManifests('a: 1\nb: 2\na: 3\n', 'f')).toMatchObject({ kind: 'error', line: 3 });
    expect(parseManifests('{"a": 1,\n"a": 2}', 'f')).toMatchObject({ kind: 'error', line: 2 });
  });

  test('property: JSON is read as JSON is, whatever stands in its strings', () => {
    fc.assert(fc.property(fc.jsonValue().filter((value) => typeof value === 'object' && value !== null), fc.constantFrom(0, 2), (value, indent) => {
      const text = `\n${JSON.stringify(value, null, indent)}\n`;
      const parsed = parseManifests(text, 'f.json');
      expect(parsed).toEqual({ kind: 'documents', documents: [{ value: JSON.parse(text) as unknown, location: 'f.json:2' }] });
    }));
  });

  test('JSON with a key twice, and strings that look like keys', () => {
    expect(parseManifests('{"a": "\\"b\\": 1", "c": ["x\\\\", ": "]}', 'f')).toMatchObject({ kind: 'documents' });
    expect(parseManifests('{"a": {"b": 1, "c": "b", "b" : 2}}', 'f')).toMatchObject({ kind: 'error', message: 'a key stands twice in one object; remove one of the two' });
  });

  test('no key reaches the prototype', () => {
    const parsed = parseManifests('__proto__: {polluted: true}\n', 'f');
    expect(parsed.kind).toBe('documents');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
