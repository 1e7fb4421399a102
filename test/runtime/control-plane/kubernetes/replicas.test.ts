import { awarenessByLeases } from '../../../../runtime/control-plane/identity/awareness';
import { secretRotation } from '../../../../runtime/control-plane/identity/rotation-stores';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { AUTHORITY_SECRET, TRUST_CONFIG_MAP } from '../../../../src/contract';
import { shopChart, shopMesh } from '../../../program';
import { FakeApiServer, type Grant, type Rule } from '../support/api-server';
import { startReplica, type Running } from '../support/cluster';
import { mesh, meshService, route, service, slice, whole, type Manifest } from '../support/documents';
import { Proxy } from '../support/proxy';
import { WatchedClock } from '../support/watched-clock';

const ROUTE = route('canary', 'payment', [{ name: 'all', backendRefs: [{ name: 'payment', port: 8080 }] }]);
const GRPC: Manifest = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GRPCRoute',
  metadata: { name: 'calls', namespace: 'shop' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name: 'order' }], rules: [{ backendRefs: [{ name: 'order', port: 8080 }] }] },
};
const CARDS: Manifest = {
  apiVersion: 'mesh.meshwright.dev/v1alpha1',
  kind: 'ExternalService',
  metadata: { name: 'cards', namespace: 'shop' },
  spec: { mesh: { name: 'mesh', namespace: 'shop' }, hostname: 'api.cards.example', port: { number: 443, protocol: 'http' }, tls: {}, loadBalancer: { roundRobin: {} } },
};
const NAMESPACE: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
const SHOP: Manifest[] = [NAMESPACE, mesh(), ...whole('order', ['10.0.0.1'], ['payment']), ...whole('payment', ['10.0.2.1']), ROUTE];

let clock: WatchedClock;
let server: FakeApiServer;
let warnings: string[];
const replicas: Running[] = [];
const proxies: Proxy[] = [];

/** What the Mesh construct grants its control plane. */
function granted(): Grant[] {
  const chart = shopChart();
  shopMesh(chart);
  const manifests = chart.toJson() as { kind: string; metadata: { namespace?: string }; rules: Rule[] }[];
  return manifests.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .map(({ kind, metadata, rules }) => ({ ...kind === 'Role' ? { namespace: metadata.namespace } : {}, rules }));
}

async function start(...manifests: readonly Manifest[]): Promise<void> {
  clock = new WatchedClock();
  warnings = [];
  server = await FakeApiServer.start(...manifests);
  server.grants = granted();
}

async function replica(pod: string): Promise<Running> {
  const made = await startReplica(server, clock, pod, warnings);
  replicas.push(made);
  return made;
}

function proxy(of: Running, name: string, refuse?: string): Proxy {
  const made = new Proxy(of.controlPlane.xdsPort, name);
  if (refuse !== undefined) made.client.refuse = ({ typeUrl }) => (typeUrl.endsWith('RouteConfiguration') ? refuse : undefined);
  proxies.push(made.start());
  return made;
}

interface Condition { type: string; status: string; reason: string; message: string; observedGeneration: number; lastTransitionTime: string }

const status = (plural: string, name: string) => server.get(plural, 'shop', name)?.status as { conditions?: Condition[]; parents?: { controllerName: string; parentRef: object; conditions: Condition[] }[] } | undefined;
const condition = (name: string, type: string) => status('meshservices', name)?.conditions?.find((one) => one.type === type);
const ownParent = (name: string) => status('httproutes', name)?.parents?.find(({ controllerName }) => controllerName === 'mesh.meshwright.dev/control-plane');
const says = (text: string) => () => condition('payment', 'Programmed')?.message === text;

afterEach(async () => {
  proxies.splice(0).forEach((one) => one.close());
  // The grace of proxies that do not go is time like any other.
  const closed = Promise.all(replicas.splice(0).map(async (one) => one.close()));
  let over = false;
  void closed.then(() => { over = true; });
  await clock.run(() => over);
  await server.stop();
});

describe('the status of every object', () => {
  test('Accepted, ResolvedRefs and Programmed, with the generation; Programmed with the proxies that acknowledged', async () => {
    await start(...SHOP);
    const one = await replica('cp-1');
    await clock.run(says('no proxy that it concerns is connected'));
    expect(status('meshservices', 'payment')!.conditions).toEqual([
      expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1 }),
      expect.objectContaining({ type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs' }),
      expect.objectContaining({ type: 'Programmed', status: 'Unknown', reason: 'NoProxies' }),
    ]);
    proxy(one, 'order');
    await clock.run(says('1 of 1 proxies run it'));
    expect(condition('payment', 'Programmed')).toMatchObject({ status: 'True', reason: 'Programmed' });
    expect(status('meshes', 'mesh')!.conditions).toHaveLength(3);
    const changed = condition('payment', 'Accepted')!.lastTransitionTime;
    server.put(meshService('payment', [], { timeout: { total: '3s' } }));
    await clock.run(() => condition('payment', 'Programmed')?.observedGeneration === 2 && condition('payment', 'Programmed')?.status === 'True');
    expect(condition('payment', 'Accepted')).toMatchObject({ observedGeneration: 2, lastTransitionTime: changed });
  });

  test('what is wrong with an object, in our words; the last valid version goes on', async () => {
    await start(...SHOP);
    await replica('cp-1');
    server.put(meshService('payment', [], { port: { number: 0, protocol: 'http' } }));
    await clock.run(() => condition('payment', 'Accepted')?.status === 'False');
    expect(condition('payment', 'Accepted')).toMatchObject({ reason: 'Invalid', observedGeneration: 2, message: expect.stringContaining('spec.port.number is 0') as string });
    expect(condition('payment', 'Programmed')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    server.put(meshService('payment', ['nobody']));
    await clock.run(() => condition('payment', 'ResolvedRefs')?.status === 'False');
    expect(condition('payment', 'ResolvedRefs')).toMatchObject({ reason: 'BackendNotFound', message: expect.stringContaining('spec.calls[0] is shop/nobody') as string });
    server.put({ ...meshService('payment'), spec: { ...meshService('payment').spec as object, calls: [{ service: 'ledger', namespace: 'bank' }] } });
    await clock.run(() => condition('payment', 'ResolvedRefs')?.message === 'spec.calls[0] is bank/ledger: there is no namespace bank; correct the name, or create it');
    server.put({ ...NAMESPACE, metadata: { name: 'bank' } });
    await clock.run(() => condition('payment', 'ResolvedRefs')!.message.endsWith('no MeshService has such a Service, and no ExternalService such a name; correct the name, or create it'));
  });

  test('a NACK stands with its text on the object that caused it', async () => {
    await start(...SHOP);
    const one = await replica('cp-1');
    proxy(one, 'order', 'virtual_hosts[0].routes[0]: no such thing');
    await clock.run(() => ownParent('canary')?.conditions.find(({ type }) => type === 'Programmed')?.reason === 'Refused');
    expect(ownParent('canary')!.conditions.find(({ type }) => type === 'Programmed')!.message).toBe(
      '0 of 1 proxies run it\nproxy order-1.shop refused RouteConfiguration outbound: virtual_hosts[0].routes[0]: no such thing');
  });

  test('each parent of a route has a status of its own; what another controller wrote stays', async () => {
    await start(...SHOP);
    await replica('cp-1');
    const foreign = { controllerName: 'example.com/gateway', parentRef: { name: 'edge' }, conditions: [] };
    const own = { group: '', kind: 'Service', name: 'payment' };
    const wrong = { group: '', kind: 'Service', name: 'paymnt' };
    const made = server.put({ ...ROUTE, spec: { ...ROUTE.spec as object, parentRefs: [{ name: 'edge' }, own, wrong] } });
    server.collections.get('httproutes')!.setStatus(made, { parents: [foreign] });
    await clock.run(() => status('httproutes', 'canary')?.parents?.length === 3);
    const { parents } = status('httproutes', 'canary')!;
    expect(parents!.map(({ parentRef, controllerName }) => ({ parentRef, controllerName }))).toEqual([
      { parentRef: { name: 'edge' }, controllerName: 'example.com/gateway' },
      { parentRef: own, controllerName: 'mesh.meshwright.dev/control-plane' },
      { parentRef: wrong, controllerName: 'mesh.meshwright.dev/control-plane' },
    ]);
    expect(parents!.slice(1).map(({ conditions }) => conditions[0])).toEqual([
      expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 2 }),
      expect.objectContaining({ type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message: expect.stringContaining('paymnt') as string }),
    ]);
    // It leaves the mesh: what was written into it goes.
    server.put({ ...ROUTE, spec: { ...ROUTE.spec as object, parentRefs: [{ name: 'edge' }] } });
    await clock.run(() => status('httproutes', 'canary')!.parents!.length === 1);
    expect(status('httproutes', 'canary')!.parents).toEqual([foreign]);
  });

  test('written once, and again only when something is different', async () => {
    await start(...SHOP);
    await replica('cp-1');
    await clock.run(() => ownParent('canary') !== undefined && says('no proxy that it concerns is connected')());
    await clock.run(() => clock.now() > 100_000);
    const written = server.requests.filter(({ verb }) => verb === 'patch').map(({ path }) => path);
    expect(new Set(written).size).toBe(4);
    expect(written).toHaveLength(4);
    // A second one, which follows the first, finds everything as it is to be.
    const metrics = await (await fetch(`http://127.0.0.1:${replicas[0].controlPlane.adminPort}/metrics`)).text();
    expect(metrics).toContain('meshwright_control_plane_leader 1\n');
    expect(metrics).toContain('meshwright_control_plane_status_writes_total 4\n');
    replicas[0].kill();
    await replica('cp-2');
    await clock.run(() => replicas[1].status.leading);
    await clock.run(() => clock.now() > 200_000);
    expect(server.requests.filter(({ verb }) => verb === 'patch')).toHaveLength(4);
  });

  test('the status of many objects is compared a few times, not for each write of one', async () => {
    const many = Array.from({ length: 200 }, (_, index) => meshService(`s${index}`));
    await start(NAMESPACE, mesh(), ...many);
    const one = await replica('cp-1');
    const compared = jest.spyOn(one.source, 'observed');
    await clock.run(() => many.every((_, index) => status('meshservices', `s${index}`) !== undefined));
    expect(server.count('patch')).toBe(201);
    expect(compared.mock.calls.length).toBeLessThan(100);
  });

  test('a write that the API refuses is tried again, ever more seldom; one that met another version waits for it', async () => {
    await start(...SHOP);
    let troubles = 0;
    server.trouble = ({ verb }) => (verb === 'patch' && troubles++ < 6 ? { status: troubles % 2 === 0 ? 409 : 503, reason: 'No', message: 'not now' } : undefined);
    await replica('cp-1');
    await clock.run(says('no proxy that it concerns is connected'));
    expect(warnings.filter((text) => text.startsWith('a status cannot be written')).length).toBeLessThanOrEqual(4);
  });
});

describe('several replicas', () => {
  test('the proxies of all are counted, by the one that writes', async () => {
    await start(...SHOP);
    const [one, two] = [await replica('cp-1'), await replica('cp-2')];
    proxy(one, 'order');
    proxy(two, 'order');
    proxy(two, 'order', 'virtual_hosts[0].routes[0]: not by me');
    await clock.run(() => condition('order', 'Programmed')?.message.startsWith('2 of 3 proxies run it') ?? false);
    // Whoever of the two writes: a refusal at one is known to both.
    const refused = '2 of 3 proxies run it\nproxy order-1.shop refused RouteConfiguration outbound: virtual_hosts[0].routes[0]: not by me';
    await clock.run(() => ownParent('canary')?.conditions.find(({ type }) => type === 'Programmed')?.message === refused);
    expect(replicas.filter((each) => each.status.leading)).toHaveLength(1);
    for (const { controlPlane } of [one, two]) {
      expect(controlPlane.status().objects.find(({ name }) => name === 'canary')!.conditions[2].message).toBe(refused);
    }
    const leases = [...server.collections.get('leases')!.objects.values()];
    expect(leases.map(({ metadata: { name } }) => name).sort()).toEqual(['cp-1', 'cp-2', 'meshwright-control-plane']);
    expect(leases.find(({ metadata }) => metadata.name === 'cp-1')!.metadata.ownerReferences).toEqual([{ apiVersion: 'v1', kind: 'Pod', name: 'cp-1', uid: 'uid-of-cp-1' }]);
  });

  test('pods without a proxy that is connected anywhere are counted', async () => {
    const pod = (name: string, phase = 'Running') => (
      { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', labels: { 'mesh.meshwright.dev/service': 'order' } }, status: { phase } });
    await start(...SHOP, pod('order-1'), pod('order-2'), pod('order-3'), pod('order-4', 'Pending'), { ...pod('other'), metadata: { name: 'other', namespace: 'shop' } });
    const [one, two] = [await replica('cp-1'), await replica('cp-2')];
    proxy(one, 'order');
    proxy(two, 'order');
    await clock.run(() => condition('order', 'Programmed')?.message === '2 of 2 proxies run it; of 1 of its 3 pods no proxy is connected');
    server.delete('pods', 'shop', 'order-3');
    await clock.run(() => condition('order', 'Programmed')?.message === '2 of 2 proxies run it');
  });

  test.each(['the leader', 'another one'])('%s is killed: no change is lost, and its proxies are counted where they went', async (who) => {
    await start(...SHOP);
    const both = [await replica('cp-1'), await replica('cp-2')];
    await clock.run(() => both.some((one) => one.status.leading));
    const victim = both.find((one) => one.status.leading === (who === 'the leader'))!;
    const other = both.find((one) => one !== victim)!;
    const lost = proxy(victim, 'order');
    const stays = proxy(other, 'order');
    await clock.run(says('2 of 2 proxies run it'));
    victim.kill();
    lost.close();
    // While nobody leads, maybe.
    server.put(slice('payment', ['10.0.2.1', '10.0.2.2']));
    server.put(meshService('payment', [], { timeout: { total: '9s' } }));
    proxy(other, 'order');
    await clock.run(() => condition('payment', 'Programmed')?.observedGeneration === 2 && says('2 of 2 proxies run it')());
    expect(other.status.leading).toBe(true);
    expect(JSON.stringify(stays.client.held, (_, value: unknown) => (value instanceof Map ? [...value] : typeof value === 'bigint' ? `${value}` : value))).toContain('10.0.2.2');
  });

  test('the API is away for half a minute: both go on serving; afterwards the status is brought up to date', async () => {
    await start(...SHOP);
    const [one, two] = [await replica('cp-1'), await replica('cp-2')];
    await clock.run(says('no proxy that it concerns is connected'));
    await server.stop();
    const away = clock.now();
    await clock.run(() => clock.now() > away + 30_000);
    expect([one, two].some((each) => each.status.leading)).toBe(false);
    const late = proxy(two, 'order');
    await late.until('RouteConfiguration +outbound');
    await server.listen();
    await clock.run(says('1 of 1 proxies run it'));
  });
});

test('the control planes of two meshes in one cluster do not write into each other\'s objects', async () => {
  const inBank = (manifest: Manifest): Manifest => JSON.parse(JSON.stringify(manifest).replaceAll('"shop"', '"bank"')) as Manifest;
  const own = { group: '', kind: 'Service', name: 'payment' };
  await start(...SHOP, ...SHOP.slice(1).map(inBank));
  server.grants = undefined;
  // A service of the other mesh, in the namespace of this one.
  const guest = meshService('guest', [], { mesh: { name: 'mesh', namespace: 'bank' } });
  server.put(guest);
  server.put(service('guest'));
  server.put({ ...ROUTE, spec: { ...ROUTE.spec as object, parentRefs: [own, { ...own, name: 'guest' }] } });
  const shop = await replica('cp-1');
  const bank = await startReplica(server, clock, 'cp-2', warnings, 'bank');
  replicas.push(bank);
  proxy(shop, 'order');
  proxies.push(new Proxy(bank.controlPlane.xdsPort, 'guest').start());
  const statusIn = (namespace: string, name: string) => (server.get('meshservices', namespace, name)?.status as { conditions: Condition[] } | undefined)?.conditions[2].message;
  await clock.run(() => statusIn('shop', 'payment') === '1 of 1 proxies run it' && statusIn('shop', 'guest') === '1 of 1 proxies run it'
    && statusIn('bank', 'payment') !== undefined && status('httproutes', 'canary')?.parents?.length === 2);
  const calm = clock.now() + 15_000;
  await clock.run(() => clock.now() > calm);
  const written = server.count('patch');
  await clock.run(() => clock.now() > calm + 60_000);
  expect(server.count('patch')).toBe(written);
  expect(statusIn('bank', 'payment')).toBe('no proxy that it concerns is connected');
  expect(status('httproutes', 'canary')!.parents!.map(({ parentRef }) => (parentRef as { name: string }).name).sort()).toEqual(['guest', 'payment']);
});

describe('rights', () => {
  test('everything that a control plane asks for is granted by the roles that the Mesh construct emits, and nothing is granted that it does not ask for', async () => {
    await start(...SHOP, GRPC, CARDS, service('plain'));
    const one = await replica('cp-1');
    proxy(one, 'order');
    await clock.run(() => says('1 of 1 proxies run it')() && ownParent('canary') !== undefined && status('meshes', 'mesh') !== undefined && status('grpcroutes', 'calls') !== undefined && status('externalservices', 'cards') !== undefined);
    // Its own Lease is written again, and the one of the leader.
    await clock.run(() => clock.now() > 40_000);
    // Of identities: an authority that is made, the roots in the namespace, somebody's token.
    const giving = await startReplica(server, clock, 'cp-2', [], 'shop', true);
    await clock.run(() => server.get('configmaps', 'shop', TRUST_CONFIG_MAP) !== undefined);
    expect(await giving.identity!.tokens.verify('token')).toEqual({ refused: expect.stringContaining('not valid') as string });
    // And what replaces its root.
    const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
    const authority = secretRotation(api, 'shop', AUTHORITY_SECRET);
    await authority.write(await authority.read());
    await awarenessByLeases(api, clock, 'shop')();
    api.close();
    await giving.close();
    expect(server.requests.filter(({ status: code }) => code === 403)).toEqual([]);
    const asked = new Set(server.requests.map(({ resource, verb }) => `${verb} ${resource}`));
    const rights = server.grants!.flatMap(({ rules }) => rules.flatMap(({ resources, verbs }) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`))));
    expect(rights.filter((right) => !asked.has(right))).toEqual([]);
  });
});
