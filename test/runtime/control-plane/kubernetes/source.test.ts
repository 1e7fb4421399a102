import * as fc from 'fast-check';
import type { Documents } from '../../../../runtime/control-plane';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { KubernetesSource, WATCHED } from '../../../../runtime/control-plane/source/kubernetes';
import { FakeApiServer } from '../support/api-server';
import { mesh, meshService, service, slice, whole, type Manifest } from '../support/documents';
import { WatchedClock } from '../support/watched-clock';

const DEBOUNCE = 20;
const ALL = WATCHED.length;
const MESH = [mesh(), ...whole('payment', ['10.0.0.1'])];

let clock: WatchedClock;
let server: FakeApiServer;
let api: HttpKubernetesApi;
let source: KubernetesSource;
let told: Documents[];
let warnings: string[];

function connect(random = () => 0): void {
  clock = new WatchedClock();
  told = [];
  warnings = [];
  api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  const log = { debug: () => {}, info: () => {}, warning: (_: string, message: string) => { warnings.push(message); }, error: () => {} };
  source = new KubernetesSource({ api, clock, random, log });
  source.subscribe((documents) => { told.push(documents); });
}

/** A source that has listed and watches everything. */
async function synced(...objects: readonly object[]): Promise<void> {
  server = await FakeApiServer.start(...objects);
  connect();
  const started = source.start();
  await clock.pass((delay) => delay === DEBOUNCE);
  await started;
  await server.until(() => server.watches === ALL);
}

/** The next set of documents. */
async function change(): Promise<Documents> {
  await clock.pass((delay) => delay === DEBOUNCE);
  return told.at(-1)!;
}

const names = ({ documents }: Documents) => documents.map(({ value }) => {
  const { kind, metadata } = value as { kind: string; metadata: { namespace: string; name: string } };
  return `${kind} ${metadata.namespace}/${metadata.name}`;
});
const find = ({ documents }: Documents, kind: string) => documents.find(({ value }) => (value as { kind: string }).kind === kind)!;

afterEach(async () => {
  await source.close();
  api.close();
  await server.stop();
});

describe('everything is listed once, and then watched', () => {
  test('told once, when the last kind has been read; of each object only what is needed', async () => {
    await synced(...MESH, { ...service('other', 80), metadata: { name: 'other', namespace: 'shop', annotations: { large: 'x'.repeat(1000) } } });
    expect(told).toHaveLength(1);
    expect(names(told[0])).toEqual(['Mesh shop/mesh', 'MeshService shop/payment', 'Service shop/payment', 'Service shop/other', 'EndpointSlice shop/payment']);
    expect(JSON.stringify(told[0])).not.toMatch(/managedFields|annotations|resourceVersion|uid/);
    expect(find(told[0], 'Service')).toEqual({
      location: '/api/v1/namespaces/shop/services/payment',
      value: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'payment', namespace: 'shop' }, spec: { ports: [{ name: 'http', port: 8080 }] } },
    });
    expect(find(told[0], 'EndpointSlice').value).toMatchObject({ apiVersion: 'discovery.k8s.io/v1', endpoints: [{ addresses: ['10.0.0.1'] }] });
  });

  test('a list of many objects comes in pages; pages that the server forgot come again as one', async () => {
    server = await FakeApiServer.start(...MESH, ...Array.from({ length: 1200 }, (_, index) => service(`s${index}`)));
    connect();
    server.trouble = ({ resource, query }) => {
      if (resource === 'services' && query.get('continue')?.endsWith('/1000')) return { status: 410, reason: 'Expired', message: 'too old' };
      return undefined;
    };
    void source.start();
    expect((await change()).documents).toHaveLength(1204);
    const lists = server.requests.filter(({ verb, resource }) => verb === 'list' && resource === 'services');
    expect(lists.map(({ query }) => [query.get('limit'), query.get('continue')?.split('/')[1]])).toEqual([['500', undefined], ['500', '500'], ['500', '1000'], [null, undefined]]);
  });

  test('one list at a time; one that is not answered is given up, and holds up nobody for ever', async () => {
    server = await FakeApiServer.start(...MESH);
    connect();
    let hang = true;
    server.trouble = ({ verb, resource }) => (hang && verb === 'list' && resource === 'meshes' ? 'hang' : undefined);
    const started = source.start();
    await server.until(() => server.count('list') === 1);
    expect(server.requests.map(({ resource }) => resource)).toEqual(['meshes']);
    hang = false;
    await clock.pass((delay) => delay === 30_000);
    await server.until(() => server.count('list') === ALL);
    expect(told).toEqual([]);
    expect(source.waitingFor()).toMatch(/^meshes\.mesh\.meshwright\.dev cannot be listed: GET .*: no answer for 30000 ms$/);
    await clock.pass((delay) => delay === 250);
    await clock.pass((delay) => delay === DEBOUNCE);
    await started;
    expect(names(told[0])).toContain('Mesh shop/mesh');
  });

  test('waits for its own CRDs where they are missing, says so once, and looks again within seconds', async () => {
    server = await FakeApiServer.start(...MESH);
    server.absent.add('meshes');
    connect();
    const started = source.start();
    await server.until(() => server.count('watch') === ALL - 1);
    for (let look = 2; look < 8; look += 1) {
      await clock.pass((delay) => delay >= 250 && delay <= 2500);
      await server.until(() => server.count('list', 'meshes') === look);
    }
    const missing = `meshes.mesh.meshwright.dev are not served by ${server.url}: install their CustomResourceDefinitions`;
    expect(source.waitingFor()).toBe(missing);
    expect(warnings).toEqual([missing]);
    expect(told).toEqual([]);
    server.absent.clear();
    await clock.pass((delay) => delay >= 250 && delay <= 2500);
    await clock.pass((delay) => delay === DEBOUNCE);
    await started;
    expect(source.waitingFor()).toBeUndefined();
  });

  test('does without the Gateway API, says so once, and has its routes within seconds of their definitions', async () => {
    const route = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'payment', namespace: 'shop' }, spec: { parentRefs: [{ group: '', kind: 'Service', name: 'payment' }] } };
    server = await FakeApiServer.start(...MESH, route);
    const absent = ['httproutes', 'grpcroutes', 'referencegrants'];
    for (const plural of absent) server.absent.add(plural);
    connect();
    const started = source.start();
    // Of grants there are two versions to ask for.
    await server.until(() => absent.every((plural) => server.count('list', plural) === 1));
    await clock.run(() => server.count('list', 'referencegrants') === 2);
    expect(server.requests.filter(({ resource }) => resource === 'referencegrants').map(({ path }) => path.split('/')[3])).toEqual(['v1beta1', 'v1']);
    await clock.run(() => told.length > 0);
    await started;
    expect([source.waitingFor(), names(told[0])]).toEqual([undefined, ['Mesh shop/mesh', 'MeshService shop/payment', 'Service shop/payment', 'EndpointSlice shop/payment']]);
    // Asked again and again, and told once.
    await clock.run(() => absent.every((plural) => server.count('list', plural) > 4));
    expect(warnings.sort()).toEqual(absent.sort().map((plural) => (
      `${plural}.gateway.networking.k8s.io are not served by ${server.url}: there are none until their CustomResourceDefinitions are installed`)));
    expect(told).toHaveLength(1);
    server.absent.clear();
    const asked = clock.now();
    await clock.run(() => told.length > 1 && server.watches === ALL, 5);
    expect(names(told.at(-1)!)).toContain('HTTPRoute shop/payment');
    expect(clock.now() - asked).toBeLessThan(10_000);
  });

  test('a list that fails otherwise is no absence: nothing is told before it is there', async () => {
    server = await FakeApiServer.start(...MESH);
    server.trouble = ({ verb, resource }) => (verb === 'list' && resource === 'httproutes' ? { status: 503, message: 'the server is starting' } : undefined);
    connect();
    const started = source.start();
    await server.until(() => server.count('watch') === ALL - 1);
    await clock.run(() => server.count('list', 'httproutes') > 4);
    expect([told, source.waitingFor()]).toEqual([[], expect.stringMatching(/^httproutes\.gateway\.networking\.k8s\.io cannot be listed: .*503/)]);
    server.trouble = () => undefined;
    await clock.run(() => told.length > 0);
    await started;
  });

  test('of a kind that is served in another version that is taken', async () => {
    server = await FakeApiServer.start(...MESH);
    connect();
    server.trouble = ({ path }) => (path.startsWith('/apis/gateway.networking.k8s.io/v1beta1/') ? { status: 404, message: 'the server could not find the requested resource' } : undefined);
    void source.start();
    await clock.pass((delay) => delay >= 250 && delay <= 500);
    await change();
    expect(server.requests.filter(({ resource }) => resource === 'referencegrants').map(({ path }) => path.split('/')[3])).toEqual(expect.arrayContaining(['v1beta1', 'v1']));
  });

  test('what is not permitted is said, with the way to permit it', async () => {
    server = await FakeApiServer.start();
    server.grants = [];
    connect();
    void source.start();
    await server.until(() => server.requests.filter(({ status }) => status === 403).length === ALL);
    await clock.pass((delay) => delay >= 250);
    expect(source.waitingFor()).toContain('meshes.mesh.meshwright.dev may not be listed: GET /apis/mesh.meshwright.dev/v1alpha1/meshes?limit=500: 403 cannot list resource "meshes"');
    expect(source.waitingFor()).toContain('grant it by the ClusterRole that the Mesh construct synthesizes');
  });
});

describe('changes', () => {
  test('a change is told with everything else as the same objects; a rollout is one change', async () => {
    await synced(...MESH);
    server.put(slice('payment', ['10.0.0.2']));
    server.put(slice('payment', ['10.0.0.1', '10.0.0.2']));
    const next = await change();
    expect(told).toHaveLength(2);
    expect(find(next, 'EndpointSlice').value).toMatchObject({ endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }] });
    expect(find(next, 'Mesh')).toBe(find(told[0], 'Mesh'));
    server.put(meshService('stock'));
    expect(names(await change())).toContain('MeshService shop/stock');
    server.delete('meshservices', 'shop', 'stock');
    expect(names(await change())).not.toContain('MeshService shop/stock');
  });

  test('a status that is written, or a label of somebody else, is no change of the mesh; who writes status is told', async () => {
    await synced(...MESH);
    const seen = new Promise<void>((done) => { source.observe(() => done()); });
    const { metadata } = server.get('meshservices', 'shop', 'payment')!;
    server.collections.get('meshservices')!.setStatus(server.get('meshservices', 'shop', 'payment')!, { conditions: [] });
    server.put({ ...service('payment'), metadata: { name: 'payment', namespace: 'shop', labels: { team: 'a' } } });
    await seen;
    expect(source.observed().get('MeshService shop/payment')).toMatchObject({ uid: metadata.uid, status: { conditions: [] } });
    server.put(meshService('stock'));
    expect(names(await change())).toHaveLength(5);
    expect(told).toHaveLength(2);
  });

  test.each([1, 3, 7])('lines that come in pieces of %i bytes, cut inside of characters', async (bytes) => {
    await synced(...MESH);
    server.chunk = bytes;
    server.put(meshService('stock', [], { serviceAccount: 'lager-für-größe-😀' }));
    const found = (await change()).documents.find(({ location }) => location.endsWith('/stock'))!;
    expect(found.value).toMatchObject({ spec: { serviceAccount: 'lager-für-größe-😀' } });
  });
});

describe('a watch that ends is taken up where it was', () => {
  test.each(['end', 'reset'] as const)('by %s: from the last bookmark, without a list', async (how) => {
    await synced(...MESH);
    server.put(service('later'));
    await change();
    server.bookmark();
    const version = server.get('services', 'shop', 'later')!.metadata.resourceVersion;
    await server.until(() => server.watches === ALL);
    // A bookmark is behind the last event on the same connection: what comes next proves that it was read.
    server.put({ ...slice('later', ['10.0.0.9']) });
    await change();
    const before = server.requests.length;
    server.endWatches(how, 'meshservices');
    if (how === 'reset') await clock.pass((delay) => delay === 250);
    await server.until(() => server.watches === ALL);
    const [again] = server.requests.slice(before);
    expect(again).toMatchObject({ verb: 'watch', resource: 'meshservices' });
    expect(again.query.get('resourceVersion')).toBe(version);
    expect(server.count('list')).toBe(ALL);
  });

  test('a place that was forgotten (410) costs one list of that kind, not older than what was seen; nothing is taken away meanwhile', async () => {
    await synced(...MESH);
    const before = server.requests.length;
    server.endWatches('expired', 'meshservices');
    server.delete('meshservices', 'shop', 'payment');
    await clock.pass((delay) => delay === 250);
    expect(names(await change())).not.toContain('MeshService shop/payment');
    const [list] = server.requests.slice(before);
    expect(list).toMatchObject({ verb: 'list', resource: 'meshservices' });
    expect(list.query.get('resourceVersionMatch')).toBe('NotOlderThan');
    expect(Number(list.query.get('resourceVersion'))).toBeGreaterThan(100);
    expect(server.count('list')).toBe(ALL + 1);
    expect(warnings).toEqual([]);
  });

  test('a server that forgets at once is asked ever more seldom', async () => {
    await synced(...MESH);
    server.trouble = ({ verb, resource }) => (verb === 'watch' && resource === 'meshes' ? { status: 410, reason: 'Expired', message: 'too old' } : undefined);
    server.endWatches('expired', 'meshes');
    for (const wait of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
      const lists = server.count('list', 'meshes');
      await clock.pass((delay) => delay === wait);
      await server.until(() => server.count('list', 'meshes') === lists + 1);
    }
  });

  test('a server whose data are from before (etcd restored) is believed after it has said so', async () => {
    await synced(...MESH);
    let restored = true;
    server.trouble = ({ resource, query }) => (restored && resource === 'meshes' && query.has('resourceVersion')
      ? { status: 504, reason: 'Timeout', message: 'Too large resource version: 200, current: 7' } : undefined);
    server.endWatches('end', 'meshes');
    await clock.pass((delay) => delay === 250);
    await clock.pass((delay) => delay === 500);
    await server.until(() => server.count('list', 'meshes') === 2);
    restored = false;
    await clock.run(() => server.watches === ALL);
    expect(server.requests.filter(({ verb, resource }) => verb === 'list' && resource === 'meshes').map(({ query }) => query.get('resourceVersion'))).toEqual([null, null]);
  });

  test('a connection that died without a word is noticed', async () => {
    await synced(...MESH);
    clock.advance(89_000);
    server.bookmark();
    server.put(service('later'));
    await change();
    const watches = server.count('watch');
    // Each had a bookmark; then nothing for 90 s.
    await clock.run(() => server.count('watch') >= watches + ALL, 1000);
    expect(clock.now()).toBeGreaterThanOrEqual(90_000);
    expect(server.count('list')).toBe(ALL);
  });

  test('a line that cannot be read may have said anything: everything is listed again', async () => {
    await synced(...MESH);
    server.garble('{"type":"ADDED","object":{"meta\n');
    await clock.run(() => server.count('list') === 2 * ALL);
  });
});

test('the API is away: what is known stays, and is caught up with when it is back', async () => {
  await synced(...MESH);
  await server.stop();
  for (const wait of [250, 500, 1000, 2000]) await clock.pass((delay) => delay === wait);
  expect(warnings.filter((text) => text.includes('what is known goes on')).length).toBeGreaterThan(0);
  expect(told).toHaveLength(1);
  server.delete('endpointslices', 'shop', 'payment');
  server.put(meshService('stock'));
  await server.listen();
  await clock.run(() => server.watches === ALL && names(told.at(-1)!).length === 4);
  expect(names(told.at(-1)!).sort()).toEqual(['Mesh shop/mesh', 'MeshService shop/payment', 'MeshService shop/stock', 'Service shop/payment']);
  // Nothing had to be listed again.
  expect(server.count('list')).toBe(ALL);
});

test('whatever happens on the way, in the end it has what the server has', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c'), port: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ what: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ what: fc.constantFrom('compact' as const, 'bookmark' as const, 'end' as const, 'reset' as const, 'expired' as const, 'wait' as const) }),
  );
  server = await FakeApiServer.start();
  connect();
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(1, 5, Infinity), async (steps, chunk) => {
    await source.close();
    api.close();
    await server.stop();
    server = await FakeApiServer.start(...MESH);
    server.chunk = chunk;
    connect();
    void source.start();
    for (const one of steps) {
      if (one.what === 'put') server.put(service(one.name, one.port));
      else if (one.what === 'delete') server.delete('services', 'shop', one.name);
      else if (one.what === 'compact') server.compact();
      else if (one.what === 'bookmark') server.bookmark();
      else if (one.what === 'wait') clock.advance(300);
      else server.endWatches(one.what);
      await new Promise((done) => setImmediate(done));
    }
    server.put(service('last'));
    const expected = () => [...server.collections.get('services')!.objects.values()].map(({ metadata, spec }) => `${metadata.name} ${JSON.stringify(spec.ports)}`).sort();
    const actual = () => (told.at(-1)?.documents ?? []).filter(({ location }) => location.includes('/services/'))
      .map(({ value }) => value as Manifest & { metadata: { name: string }; spec: { ports: unknown } }).map(({ metadata, spec }) => `${metadata.name} ${JSON.stringify(spec.ports)}`).sort();
    await clock.run(() => JSON.stringify(expected()) === JSON.stringify(actual()));
  }), { numRuns: 25 });
});
