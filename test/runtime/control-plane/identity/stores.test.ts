import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRoot, type AuthorityMaterial } from '../../../../runtime/control-plane/identity/authority-material';
import { readAuthority, writeAuthority } from '../../../../runtime/control-plane/identity/authority-secret';
import { FileAuthorityStore } from '../../../../runtime/control-plane/identity/file-store';
import { signWithNext, trustNext } from '../../../../runtime/control-plane/identity/rotation';
import { SecretAuthorityStore } from '../../../../runtime/control-plane/identity/secret-store';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { createLog } from '../../../../runtime/control-plane/log';
import { FakeApiServer } from '../support/api-server';
import { WatchedClock } from '../support/watched-clock';

const NOW = Date.UTC(2026, 0, 1);
const secret = (data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'authority', namespace: 'mesh' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
});
const plain = (material: AuthorityMaterial) => writeAuthority({ material, next: undefined, replaced: undefined }) as Record<string, string>;

test('what is written of an authority is what is read of it, at each step of a rotation', async () => {
  const [old, root] = await Promise.all([createRoot('a', NOW), createRoot('a', NOW)]);
  const before = { material: old, next: undefined, replaced: undefined };
  const trusting = trustNext(before, root);
  for (const state of [before, trusting, signWithNext(trusting, NOW, [])]) expect(readAuthority(writeAuthority(state), 'test')).toEqual(state);
});

test.each<[string, (data: Record<string, string>) => Record<string, string>, string]>([
  ['without its key', ({ 'tls.key': _, ...rest }) => rest, 'Secret mesh/authority: tls.key is missing'],
  ['with half of a next root', (data) => ({ ...data, 'next.tls.crt': 'x' }), 'Secret mesh/authority: next.tls.key is missing'],
  ['with a time that is none', (data) => ({ ...data, 'signing.since': 'yesterday' }), 'signing.since is "yesterday": must be a time of RFC 3339'],
])('an authority %s cannot be read', async (_, change, reason) => {
  expect(() => readAuthority(change(plain(awaited)), 'Secret mesh/authority')).toThrow(reason);
});
let awaited: AuthorityMaterial;
beforeAll(async () => { awaited = await createRoot('a', NOW); });

describe('in a Secret', () => {
  let server: FakeApiServer;
  let clock: WatchedClock;
  let lines: Array<{ level: string; message: string; fields: Record<string, unknown> }>;
  const closing: Array<() => Promise<void>> = [];

  beforeEach(async () => {
    clock = new WatchedClock();
    lines = [];
    server = await FakeApiServer.start();
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await server.stop();
  });

  function store(create?: string) {
    const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
    const made = new SecretAuthorityStore({
      api, clock, random: () => 0.5, log: createLog(clock, 'info', (line) => lines.push(JSON.parse(line))), namespace: 'mesh', name: 'authority', create,
    });
    closing.push(async () => {
      api.close();
      await made.close();
    });
    made.start();
    return made;
  }

  test('made by the first of two replicas, it is that of both', async () => {
    const replicas = [store('shop.example'), store('shop.example')];
    await clock.run(() => replicas.every(({ current }) => current !== undefined));
    expect(replicas[0]!.current!.trustBundle).toBe(replicas[1]!.current!.trustBundle);
    expect(lines.filter(({ message }) => message === 'authority made')).toHaveLength(1);
    expect(server.get('secrets', 'mesh', 'authority')).toMatchObject({ type: 'kubernetes.io/tls' });
    expect(JSON.stringify(lines)).not.toContain('PRIVATE KEY');
  });

  test('of somebody else, it is waited for, and taken as it is changed', async () => {
    const waiting = store();
    const taken: string[] = [];
    waiting.subscribe(({ trustBundle }) => taken.push(trustBundle));
    await clock.run(() => waiting.problem !== undefined);
    expect(waiting.problem).toBe('Secret mesh/authority is not there; whoever issues the intermediate has to write it');
    const [first, second] = await Promise.all([createRoot('a', clock.wallTime()), createRoot('a', clock.wallTime())]);
    server.put(secret(plain(first)));
    await clock.run(() => taken.length === 1);
    server.put(secret(plain(second)));
    await clock.run(() => taken.length === 2);
    expect(taken).toEqual([first.trustBundle, second.trustBundle]);
    expect(waiting.problem).toBeUndefined();
  });

  test('a Secret that cannot be used, or is deleted, takes nothing away', async () => {
    server.put(secret(plain(await createRoot('a', clock.wallTime()))));
    const kept = store();
    await clock.run(() => kept.current !== undefined);
    const { current } = kept;
    server.put(secret({ 'tls.crt': 'nonsense', 'tls.key': 'secret words', 'ca.crt': 'nonsense' }));
    await clock.run(() => kept.problem !== undefined);
    expect(kept.problem).toBe('Secret mesh/authority, tls.crt: holds no certificate in PEM');
    server.delete('secrets', 'mesh', 'authority');
    await clock.run(() => kept.problem === 'Secret mesh/authority was deleted');
    expect(kept.current).toBe(current);
    expect(JSON.stringify(lines)).not.toContain('secret words');
  });
});

describe('in a file', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'meshwright-authority-')); });
  afterEach(() => rmSync(folder, { recursive: true }));
  const open = (file: string, lines: string[] = []) => {
    const clock = new WatchedClock();
    return new FileAuthorityStore({ clock, log: createLog(clock, 'info', (line) => lines.push(line)), file, create: 'shop.example' });
  };

  test('it is made once, and nobody else may read it', async () => {
    const file = join(folder, 'state', 'authority.json');
    const bundles: string[] = [];
    for (let run = 0; run < 2; run++) {
      const store = open(file);
      store.start();
      await store.started();
      bundles.push(store.current!.trustBundle);
      await store.close();
    }
    expect(bundles[0]).toBe(bundles[1]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('PRIVATE KEY');
  });

  test('one that cannot be read is a problem, without its content', async () => {
    const file = join(folder, 'authority.json');
    writeFileSync(file, 'secret words');
    const lines: string[] = [];
    const store = open(file, lines);
    store.start();
    await store.started();
    expect([store.current, store.problem]).toEqual([undefined, `${file} is no JSON`]);
    expect(lines.join()).not.toContain('secret words');
  });
});
