import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { VirtualClock } from '../../../runtime/clock/virtual';
import { startControlPlane, type ControlPlane, type StatusReport } from '../../../runtime/control-plane';
import { isLoopback } from '../../../runtime/control-plane/admin/server';
import { TypeUrl } from '../../../runtime/xds';
import { mesh, meshService, route, service, whole, type Manifest } from './support/documents';
import { MemorySource } from './support/memory-source';
import { Proxy } from './support/proxy';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const ORDER = (calls: string[], more: object = {}) => whole('order', ['10.0.0.1'], calls, more);
const PAYMENT = whole('payment', ['10.0.2.1']);
const STOCK = whole('stock', ['10.0.3.1']);

let clock: VirtualClock;
let source: MemorySource;
let controlPlane: ControlPlane;
const proxies: Proxy[] = [];

async function start(manifests?: readonly Manifest[], statusFile?: string): Promise<void> {
  clock = new VirtualClock();
  source = new MemorySource(manifests);
  const file = statusFile === undefined ? {} : { statusFile };
  controlPlane = await startControlPlane({ source, clock, xdsAddress: LOOPBACK, adminAddress: LOOPBACK, ...file });
}

function proxy(name: string, metadata?: object, before?: Proxy): Proxy {
  const made = new Proxy(controlPlane.xdsPort, name, metadata, before);
  proxies.push(made);
  return made;
}

afterEach(async () => {
  proxies.splice(0).forEach((one) => one.close());
  await controlPlane.close();
});

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`http://127.0.0.1:${controlPlane.adminPort}${path}`, { headers });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

const condition = (report: StatusReport, object: string, type: string) => (
  report.objects.find(({ kind, name }) => `${kind} ${name}` === object)?.conditions.find((one) => one.type === type)
);

describe('proxies', () => {
  test('two services get each what it calls', async () => {
    await start([mesh(), ...ORDER(['payment']), ...whole('payment', ['10.0.2.1'], ['stock']), ...STOCK]);
    expect(await proxy('order').start().until('RouteConfiguration +outbound')).toEqual([
      'Cluster +inbound:8080 +payment.shop:8080', 'ClusterLoadAssignment +payment.shop:8080', 'Listener +inbound +outbound', 'RouteConfiguration +outbound',
    ]);
    const payment = proxy('payment', { service: 'payment', namespace: 'shop', version: 'base', podIp: '10.0.2.1' }).start();
    expect(await payment.until('RouteConfiguration +outbound')).toContain('Cluster +inbound:8080 +stock.shop:8080');
  });

  test('a call that is added and one that is left, make before break', async () => {
    await start([mesh(), ...ORDER(['payment']), ...PAYMENT, ...STOCK]);
    const order = proxy('order').start();
    await order.until('RouteConfiguration +outbound');
    source.put([mesh(), ...ORDER(['stock']), ...PAYMENT, ...STOCK]);
    expect(await order.until('ClusterLoadAssignment -payment.shop:8080')).toEqual([
      'Cluster +stock.shop:8080', 'ClusterLoadAssignment +stock.shop:8080', 'RouteConfiguration +outbound', 'Cluster -payment.shop:8080',
      'ClusterLoadAssignment -payment.shop:8080',
    ]);
    expect(order.client.dangling()).toEqual([]);
  });

  test('a proxy that comes back, to another replica, gets only what it lacks', async () => {
    const manifests = [mesh(), ...ORDER(['payment']), ...PAYMENT, ...STOCK];
    await start(manifests);
    const first = proxy('order').start();
    await first.until('RouteConfiguration +outbound');
    const replica = await startControlPlane({ source: new MemorySource(manifests), clock, xdsAddress: LOOPBACK });
    const second = new Proxy(replica.xdsPort, 'order', undefined, first).start();
    // Versions are hashes: every replica has the same ones.
    expect(await second.until('Listener')).toEqual(['Cluster', 'Listener']);
    second.close();
    await replica.close();
  });

  test('nothing before the source is read; a service that is not in the mesh waits, and keeps what it has', async () => {
    await start();
    const order = proxy('order').start();
    const stranger = proxy('stranger', { service: 'stranger', namespace: 'shop', version: 'base', podIp: '10.0.9.9' }).start();
    source.put([mesh(), ...ORDER([])]);
    expect(await order.until('RouteConfiguration +outbound')).toHaveLength(3);
    expect(stranger.lines).toEqual([]);
    source.put([mesh(), ...ORDER([]), ...whole('stranger', [])]);
    await stranger.until('RouteConfiguration +outbound');
    source.put([mesh(), ...ORDER(['stranger']), service('stranger')]);
    source.put([mesh(), ...ORDER(['payment']), ...PAYMENT]);
    await order.until('RouteConfiguration +outbound');
    await order.heard();
    expect(stranger.lines).toEqual([]);
    expect(controlPlane.status().proxies.map(({ node, state }) => `${node} ${state}`)).toEqual(['order-1.shop current', 'stranger-1.shop unknown-service']);
  });

  test('who does not say who it is is told so', async () => {
    await start([mesh(), ...ORDER([])]);
    const nobody = proxy('order', { service: 'Order', version: 'base' }).start();
    expect(await nobody.ended).toMatch(/INVALID_ARGUMENT.*node "order-1.shop" does not say which service it belongs to: node.metadata.service: .*node.metadata.namespace/);
  });

  test('many are served in slices, each once and by the last model', async () => {
    await start([mesh(), ...ORDER([]), ...PAYMENT]);
    const many = Array.from({ length: 70 }, () => proxy('order').start());
    await Promise.all(many.map(async (one) => one.until('RouteConfiguration +outbound')));
    source.put([mesh(), ...ORDER(['payment']), ...PAYMENT, ...STOCK]);
    source.put([mesh(), ...ORDER(['stock']), ...PAYMENT, ...STOCK]);
    // To be told of one change or of two is as good.
    await Promise.all(many.map(async (one) => one.holds('Cluster stock.shop:8080')));
    await Promise.all(many.map(async (one) => one.heard()));
    expect(new Set(many.map(({ client }) => JSON.stringify(client.versions()))).size).toBe(1);
    expect(Object.keys(many[69].client.versions())).toContain('Cluster stock.shop:8080');
    expect(controlPlane.status().proxies.map(({ state }) => state)).toEqual(Array.from({ length: 70 }, () => 'current'));
  });

  test('a stream gets so old and no older: its proxy connects anew, to whichever replica, and gets only what it lacks', async () => {
    clock = new VirtualClock();
    const manifests = [mesh(), ...ORDER(['payment']), ...PAYMENT];
    const streamAge = { mean: 1000, random: () => 0.5 };
    controlPlane = await startControlPlane({ source: new MemorySource(manifests), clock, xdsAddress: LOOPBACK, adminAddress: LOOPBACK, streamAge });
    const first = proxy('order').start();
    await first.until('RouteConfiguration +outbound');
    clock.advance(999);
    await first.heard();
    clock.advance(1);
    expect(await first.ended).toBe('end');
    expect(controlPlane.status().proxies).toEqual([]);
    expect(await proxy('order', undefined, first).start().until('Listener')).toEqual(['Cluster', 'Listener']);
  });

  test('an end sends proxies elsewhere and leaves nothing', async () => {
    await start([mesh(), ...ORDER([])]);
    const order = proxy('order').start();
    await order.until('RouteConfiguration +outbound');
    await controlPlane.close();
    expect(await order.ended).toBe('end');
    expect(clock.timers).toBe(0);
  });
});

describe('what a proxy refuses', () => {
  const canary = (weight: number) => route('canary', 'payment', [{
    name: 'canary', backendRefs: [{ name: 'payment', port: 8080 }, { name: 'stock', port: 8080, weight }],
  }]);

  test('is attributed to the object that it came from, while everything else goes on', async () => {
    await start([mesh(), ...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK]);
    const order = proxy('order').start();
    await order.until('RouteConfiguration +outbound');
    await order.heard();
    expect(condition(controlPlane.status(), 'MeshService payment', 'Programmed')).toMatchObject({ status: 'True', message: '1 of 1 proxies run it' });

    order.client.refuse = ({ typeUrl }) => (typeUrl === TypeUrl.RDS ? 'outbound: virtual_hosts[0].routes[0].match: no' : undefined);
    source.put([mesh(), ...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK, canary(1)]);
    await order.until('RouteConfiguration +outbound');
    await order.heard();
    const refused = controlPlane.status();
    expect(condition(refused, 'HTTPRoute canary', 'Programmed')).toMatchObject({
      status: 'False',
      reason: 'Refused',
      message: '0 of 1 proxies run it\nproxy order-1.shop refused RouteConfiguration outbound: outbound: virtual_hosts[0].routes[0].match: no',
    });
    expect(condition(refused, 'MeshService stock', 'Programmed')).toMatchObject({ status: 'False', reason: 'Pending' });
    expect(condition(refused, 'MeshService payment', 'Accepted')).toMatchObject({ status: 'True' });
    expect(refused.proxies).toMatchObject([{ node: 'order-1.shop', state: 'refused' }]);
    expect((await get('/metrics')).text).toContain('meshwright_control_plane_xds_nacks_total{type="RouteConfiguration"} 1\n');

    order.client.refuse = () => undefined;
    source.put([mesh(), ...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK, canary(2)]);
    await order.until('RouteConfiguration +outbound');
    await order.heard();
    expect(condition(controlPlane.status(), 'HTTPRoute canary', 'Programmed')).toMatchObject({ status: 'True', message: '1 of 1 proxies run it' });
  });
});

describe('admin', () => {
  test('ready once the source is read', async () => {
    clock = new VirtualClock();
    source = new MemorySource([mesh()]);
    let begin = () => {};
    const waiting = new Promise<void>((done) => { begin = done; });
    const original = source.start.bind(source);
    const started = new Promise<void>((reached) => {
      source.start = async () => {
        reached();
        await waiting;
        await original();
      };
    });
    const { ControlPlane: Class } = await import('../../../runtime/control-plane');
    controlPlane = new Class({ source, clock, xdsAddress: LOOPBACK, adminAddress: LOOPBACK });
    const running = controlPlane.start();
    await started;
    expect(await get('/ready')).toMatchObject({ status: 503, text: 'waiting for memory\n' });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    begin();
    await running;
    expect(await get('/ready')).toMatchObject({ status: 200, text: 'ready\n' });
  });

  test('status as a page and as JSON; nothing in it is markup', async () => {
    await start([mesh(), ...ORDER(['<b>']), meshService('x', [], { loadBalancer: { '<script>': 1 } })]);
    const page = await get('/status', { accept: 'text/html,*/*' });
    expect(page).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
    expect(page.text).toContain('MeshService shop/order');
    expect(page.text).not.toContain('<script>');
    const json = await get('/status');
    expect(json.type).toBe('application/json');
    const report = JSON.parse(json.text) as StatusReport;
    expect(condition(report, 'MeshService x', 'Accepted')).toMatchObject({ status: 'False', reason: 'Invalid', observedGeneration: 1 });
    expect(condition(report, 'MeshService x', 'Programmed')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    expect(report.healthy).toBe(false);
    expect((await get('/status?format=html')).type).toContain('text/html');
  });

  test('the configuration of a connected proxy, and of one that might be', async () => {
    await start([mesh([{ name: 'eu', zones: ['a'], geohashes: [] }]), ...ORDER(['payment']), ...PAYMENT]);
    const order = proxy('order').start();
    await order.until('RouteConfiguration +outbound');
    const connected = JSON.parse((await get('/debug/config?node=order-1.shop')).text) as Record<string, { name: string }[]>;
    expect(connected).toMatchObject({ connected: true, node: { service: 'shop/order', podIp: '10.0.0.1' } });
    expect(connected.clusters.map(({ name }) => name)).toEqual(['inbound:8080', 'payment.shop:8080']);
    const might = JSON.parse((await get('/debug/config?node=payment.shop&region=eu&podIp=10.9.9.9')).text) as object;
    expect(might).toMatchObject({ connected: false, node: { service: 'shop/payment', podIp: '10.9.9.9', region: 'eu' } });
    expect(await get('/debug/config?node=nobody')).toMatchObject({
      status: 404, text: 'node is "nobody": must be a connected proxy (order-1.shop) or <service>.<namespace> (order.shop, payment.shop)\n',
    });
  });

  test('metrics are what Prometheus reads', async () => {
    await start([mesh(), ...ORDER([])]);
    const { text, type } = await get('/metrics');
    expect(type).toBe('text/plain; version=0.0.4');
    for (const row of text.trimEnd().split('\n')) {
      expect(row).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)$/);
    }
    expect(text).toContain('meshwright_control_plane_ready 1\n');
    expect(text).toContain('meshwright_control_plane_objects{kind="MeshService"} 1\n');
  });

  test.each([
    ['127.0.0.1', true], ['127.77.0.3', true], ['::ffff:127.0.0.1', true], ['::1', true],
    ['10.127.0.1', false], ['::ffff:10.0.0.1', false], ['fe80::1', false], ['2001:db8::1', false], [undefined, false],
  ])('%s may see the inside of the mesh: %s', (address, expected) => expect(isLoopback(address)).toBe(expected));

  test('other pages and methods', async () => {
    await start([mesh()]);
    expect((await get('/')).text).toContain('/debug/config');
    expect(await get('/nothing')).toMatchObject({ status: 404 });
    const post = await fetch(`http://127.0.0.1:${controlPlane.adminPort}/status`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('status', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'meshwright-status-')); });
  afterEach(async () => { await rm(folder, { recursive: true }); });

  test.each(['status.yaml', 'status.json'])('is kept in %s', async (name) => {
    const file = join(folder, name);
    await start([mesh(), ...ORDER([])], file);
    clock.advance(1000);
    source.put([mesh(), ...ORDER(['nobody'])]);
    clock.advance(1000);
    await controlPlane.close();
    const report = parse(await readFile(file, 'utf8')) as StatusReport;
    expect(condition(report, 'MeshService order', 'ResolvedRefs')).toMatchObject({ status: 'False', observedGeneration: 2 });
  });

  test('a condition keeps its time while it stays as it is', async () => {
    await start([mesh(), ...ORDER(['nobody'])]);
    const first = condition(controlPlane.status(), 'MeshService order', 'ResolvedRefs')!;
    clock.advance(60_000);
    source.put([mesh(), ...ORDER(['nobody', 'no-one'])]);
    const second = condition(controlPlane.status(), 'MeshService order', 'ResolvedRefs')!;
    expect(second.message).not.toBe(first.message);
    expect(second.lastTransitionTime).toBe(first.lastTransitionTime);
    source.put([mesh(), ...ORDER([])]);
    const third = condition(controlPlane.status(), 'MeshService order', 'ResolvedRefs')!;
    expect(Date.parse(third.lastTransitionTime) - Date.parse(first.lastTransitionTime)).toBe(60_000);
  });
});
