import type { Documents } from '../../../runtime/control-plane';
import { resolve } from '../../../runtime/control-plane/resolve';
import { readResources } from '../../../runtime/control-plane/resources';
import { ConsulSource } from '../../../runtime/control-plane/source/consul';
import { mesh, meshService, service, slice, whole, type Manifest } from './support/documents';
import { FakeConsul, type FakeInstance } from './support/fake-consul';
import { MemorySource } from './support/memory-source';
import { WatchedClock } from './support/watched-clock';

const inConsul = (more: object = {}) => ({ discovery: { consul: { service: 'legacy-payment', ...more } } });
const VMS: FakeInstance[] = [{ address: '10.9.0.1', port: 9001 }, { address: '10.9.0.2', port: 9002, status: 'critical' }];

let clock: WatchedClock;
let consul: FakeConsul;
let inner: MemorySource;
let source: ConsulSource;
let told: Documents[];
let warnings: string[];

async function start(services: Record<string, readonly FakeInstance[]>, ...manifests: readonly Manifest[]): Promise<void> {
  consul = await FakeConsul.start(services);
  begin(manifests);
}

function begin(manifests: readonly Manifest[], token?: string): void {
  clock = new WatchedClock();
  told = [];
  warnings = [];
  inner = new MemorySource(manifests);
  const log = { debug: () => {}, info: () => {}, warning: (_: string, message: string) => { warnings.push(message); }, error: () => {} };
  source = new ConsulSource(inner, { address: consul.address, clock, random: () => 0, log, ...token === undefined ? {} : { token } });
  source.subscribe((documents) => { told.push(documents); });
}

/** Endpoints of a backend as the model has them. */
function endpoints(backend = 'shop/payment:8080'): string[] {
  const { model } = resolve(readResources(told.at(-1)!));
  return (model.endpoints.get(backend) ?? []).flatMap((locality) => locality.endpoints.map(({ address, port, ready }) => (
    `${locality.region ? `${locality.region} ` : ''}${address}:${port}${ready ? '' : ' not ready'}`
  )));
}

afterEach(async () => {
  await source.close();
  await consul.stop();
});

test('instances are endpoints beside the pods, each with its own address and port; a critical check makes one not ready', async () => {
  await start({ 'legacy-payment': VMS }, mesh(), ...whole('payment', ['10.0.2.1'], [], inConsul()));
  await source.start();
  expect(endpoints()).toEqual(['10.0.2.1:15006', '10.9.0.1:9001', '10.9.0.2:9002 not ready']);
  consul.put('legacy-payment', [{ address: '10.9.0.3', port: 9001, status: 'warning' }, { address: '10.9.0.3', port: 9002 }]);
  await clock.run(() => told.length === 2);
  expect(endpoints()).toEqual(['10.0.2.1:15006', '10.9.0.3:9001', '10.9.0.3:9002']);
  // One blocking query after the other, each from where the one before ended.
  expect(consul.queries.slice(0, 2).map((query) => [query.get('index'), query.get('wait')])).toEqual([[null, null], ['10', '300s']]);
});

test('a service that has no Kubernetes Service is reached by its name all the same; its zones are regions of the mesh', async () => {
  const regions = [{ name: 'eu', zones: ['rack-1'], geohashes: [] }];
  await start({ 'legacy-payment': [{ address: '10.9.0.1', port: 9001, zone: 'rack-1' }] }, mesh(regions), meshService('payment', [], inConsul()));
  await source.start();
  expect(endpoints()).toEqual(['eu 10.9.0.1:9001']);
  const { objects } = resolve(readResources(told[0]));
  expect(objects.filter(({ accepted, resolvedRefs }) => !accepted.ok || !resolvedRefs.ok)).toEqual([]);
});

test('datacenter, tags and token are sent; the token is in no message', async () => {
  consul = await FakeConsul.start({ 'legacy-payment': [{ address: '10.9.0.1', port: 1, tags: ['v1', 'eu'] }, { address: '10.9.0.2', port: 2, tags: ['v1'] }] });
  begin([mesh(), meshService('payment', [], inConsul({ datacenter: 'dc2', tags: ['v1', 'eu'] }))], 'secret-token');
  await source.start();
  expect(endpoints()).toEqual(['10.9.0.1:1']);
  expect(consul.queries[0].toString()).toBe('dc=dc2&tag=eu&tag=v1');
  expect([...consul.tokens]).toEqual(['secret-token']);
  consul.broken = { status: 403, body: 'Permission denied' };
  consul.touch();
  await clock.run(() => warnings.length > 0);
  expect(warnings).toEqual([`service legacy-payment of ${consul.address}: 403 Permission denied; what is known goes on`]);
});

test('at the start everything is waited for, and it is said what; a service that names Consul later holds up nobody', async () => {
  await start({}, mesh(), ...whole('payment', ['10.0.2.1'], [], inConsul()));
  consul.broken = { status: 500, body: 'No cluster leader' };
  const started = source.start();
  await clock.run(() => warnings.length === 1);
  expect(told).toEqual([]);
  expect(source.waitingFor()).toBe(`service legacy-payment of ${consul.address}: 500 No cluster leader`);
  consul.broken = undefined;
  consul.put('legacy-payment', VMS);
  await clock.run(() => told.length > 0);
  await started;
  expect(source.waitingFor()).toBeUndefined();
  expect(endpoints()).toHaveLength(3);
  consul.broken = { status: 500, body: 'No cluster leader' };
  inner.put([mesh(), ...whole('payment', ['10.0.2.1'], [], inConsul()), ...whole('stock', ['10.0.3.1'], [], { discovery: { consul: { service: 'stock' } } })]);
  expect(endpoints()).toHaveLength(3);
  expect(endpoints('shop/stock:8080')).toEqual(['10.0.3.1:15006']);
});

test('Consul is away: what is known stays, and is caught up with', async () => {
  await start({ 'legacy-payment': VMS }, mesh(), meshService('payment', [], inConsul()));
  await source.start();
  await consul.stop();
  await clock.run(() => clock.now() > 30_000);
  expect(told).toHaveLength(1);
  consul.put('legacy-payment', [{ address: '10.9.0.7', port: 9001 }]);
  await consul.listen();
  await clock.run(() => told.length === 2);
  expect(endpoints()).toEqual(['10.9.0.7:9001']);
});

test('an index that goes back begins anew; one that moves for nothing tells nobody, and is not followed faster than ten times a second', async () => {
  await start({ 'legacy-payment': VMS }, mesh(), meshService('payment', [], inConsul()));
  await source.start();
  await clock.pass((delay) => delay === 100);
  await consul.until(() => consul.waitingQueries === 1);
  for (let moves = 0; moves < 5; moves += 1) {
    const asked = consul.queries.length;
    consul.touch();
    await clock.pass((delay) => delay === 100);
    await consul.until(() => consul.queries.length === asked + 1 && consul.waitingQueries === 1);
  }
  expect(told).toHaveLength(1);
  // A server that was restored from before.
  consul.touch(3);
  await clock.run(() => consul.queries.at(-1)!.get('index') === '3');
  expect(consul.queries.at(-2)!.get('index')).toBeNull();
});

test('without an index it is asked now and then', async () => {
  await start({ 'legacy-payment': VMS }, mesh(), meshService('payment', [], inConsul()));
  consul.withoutIndex = true;
  await source.start();
  await clock.pass((delay) => delay === 250);
  await consul.until(() => consul.queries.length === 2);
  expect(consul.queries.map((query) => query.get('index'))).toEqual([null, null]);
});

test.each([['no JSON', 'the answer is not that of a Consul'], ['[{"Node":{}}]', 'the answer is not that of a Consul']])('an answer that is %s is refused', async (body, reason) => {
  await start({ 'legacy-payment': VMS }, mesh(), meshService('payment', [], inConsul()));
  consul.broken = { status: 200, body };
  void source.start();
  await clock.run(() => warnings.length > 0);
  expect(warnings[0]).toContain(reason);
  expect(told).toEqual([]);
});

test('a MeshService that no longer names Consul ends the query; the rest keeps its identity', async () => {
  await start({ 'legacy-payment': VMS }, mesh(), ...whole('payment', ['10.0.2.1'], [], inConsul()));
  await source.start();
  const slices = told[0].documents.filter(({ location }) => location.startsWith('consul:'));
  expect(slices).toHaveLength(2);
  inner.put([mesh(), ...whole('payment', ['10.0.2.1'], [], inConsul()), service('other'), slice('other', ['10.0.9.9'])]);
  expect(told[1].documents.filter(({ location }) => location.startsWith('consul:'))).toEqual(slices);
  expect(told[1].documents.find(({ location }) => location.startsWith('consul:'))).toBe(slices[0]);
  inner.put([mesh(), ...whole('payment', ['10.0.2.1'])]);
  expect(endpoints()).toEqual(['10.0.2.1:15006']);
  await consul.until(() => consul.waitingQueries === 0);
});
