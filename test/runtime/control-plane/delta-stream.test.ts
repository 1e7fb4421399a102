import * as fc from 'fast-check';
import { VirtualClock } from '../../../runtime/clock/virtual';
import { snapshotOf, type Snapshot } from '../../../runtime/control-plane/ads/snapshot';
import { DeltaStream, PATIENCE } from '../../../runtime/control-plane/ads/stream';
import { mentions } from '../../../runtime/control-plane/ads/subscription';
import type { MeshModel } from '../../../runtime/control-plane/model';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { TypeUrl, type DeltaDiscoveryResponse } from '../../../runtime/xds';
import { DeltaClient, line } from './support/delta-client';
import { mesh, modelOf, route, service, slice, whole, meshService, type Manifest } from './support/documents';

const NODE = { service: 'shop/order', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined };

function snapshot(model: MeshModel): Snapshot {
  return snapshotOf(xdsResources(model, NODE));
}

function snapshotFrom(...manifests: Manifest[]): Snapshot {
  return snapshot(modelOf([mesh(), ...manifests]));
}

class Fixture {
  readonly clock = new VirtualClock();
  readonly nacks: { type: string; names: string[]; message: string }[] = [];
  writable = true;
  readonly stream = new DeltaStream({
    clock: this.clock,
    write: (parts) => {
      this.client.receive(Buffer.concat(parts));
      return this.writable;
    },
    sent: () => {},
    acknowledged: () => {},
    refused: (type, resources, message) => this.nacks.push({ type, names: resources.map(({ name }) => name), message }),
  });
  client = new DeltaClient((request) => this.stream.request(request));

  /** Lines of what the client takes until nothing comes any more. */
  lines(): string[] {
    const before = this.client.taken.length;
    this.client.takeAll();
    return this.client.taken.slice(before).map(line);
  }
}

function connected(first: Snapshot): Fixture {
  const fixture = new Fixture();
  fixture.stream.update(first);
  fixture.client.start();
  fixture.client.takeAll();
  return fixture;
}

const PAYMENT = whole('payment', ['10.0.2.1']);
const STOCK = whole('stock', ['10.0.3.1']);
const ORDER = (calls: string[]) => whole('order', ['10.0.0.1'], calls);

test('nothing is answered before there is something to answer with', () => {
  const { client, stream } = new Fixture();
  client.start();
  expect(client.inbox).toEqual([]);
  stream.update(snapshotFrom(...ORDER([])));
  expect(client.inbox.map(line)).toEqual(['Cluster +inbound:8080']);
});

test('clusters, endpoints, listeners, routes: each once the one before is answered', () => {
  const { client, stream } = new Fixture();
  stream.update(snapshotFrom(...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK));
  client.start();
  const seen: string[][] = [];
  while (client.inbox.length > 0) {
    // Nothing else is under way beside the one response.
    seen.push(client.inbox.map(line));
    client.take();
  }
  expect(seen).toEqual([
    ['Cluster +inbound:8080 +payment.shop:8080 +stock.shop:8080'],
    ['ClusterLoadAssignment +payment.shop:8080 +stock.shop:8080'],
    ['Listener +inbound +outbound'],
    ['RouteConfiguration +outbound'],
  ]);
});

test('a new callee is made before it is used; one that is left is broken after', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT, ...STOCK));
  fixture.stream.update(snapshotFrom(...ORDER(['stock']), ...PAYMENT, ...STOCK));
  expect(fixture.lines()).toEqual([
    'Cluster +stock.shop:8080',
    'ClusterLoadAssignment +stock.shop:8080',
    'RouteConfiguration +outbound',
    'Cluster -payment.shop:8080',
    'ClusterLoadAssignment -payment.shop:8080',
  ]);
});

test('a cluster that routes still name is not removed while those routes are in force', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT, ...STOCK));
  fixture.client.refuse = (response) => (response.typeUrl === TypeUrl.RDS ? 'outbound: virtual_hosts[0]: no' : undefined);
  fixture.stream.update(snapshotFrom(...ORDER(['stock']), ...PAYMENT, ...STOCK));
  expect(fixture.lines()).toEqual(['Cluster +stock.shop:8080', 'ClusterLoadAssignment +stock.shop:8080', 'RouteConfiguration +outbound']);
  expect(fixture.client.dangling()).toEqual([]);
  fixture.clock.advance(10 * PATIENCE);
  expect(fixture.lines()).toEqual([]);
  // Other routes that the client takes let go of the cluster.
  fixture.client.refuse = () => undefined;
  fixture.stream.update(snapshotFrom(...ORDER([]), ...PAYMENT, ...STOCK));
  expect(fixture.lines()).toEqual([
    'RouteConfiguration +outbound', 'Cluster -payment.shop:8080 -stock.shop:8080', 'ClusterLoadAssignment -payment.shop:8080 -stock.shop:8080',
  ]);
});

test('endpoints that change go alone; those of a changed cluster go again', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  fixture.stream.update(snapshotFrom(...ORDER(['payment']), ...whole('payment', ['10.0.2.1', '10.0.2.2'])));
  expect(fixture.lines()).toEqual(['ClusterLoadAssignment +payment.shop:8080']);
  const bulkhead = { bulkhead: { maxConnections: 10, maxPendingRequests: 1 } };
  fixture.stream.update(snapshotFrom(...ORDER(['payment']), ...whole('payment', ['10.0.2.1', '10.0.2.2'], [], bulkhead)));
  expect(fixture.lines()).toEqual(['Cluster +payment.shop:8080', 'ClusterLoadAssignment +payment.shop:8080']);
});

test('a service without endpoints has an empty assignment', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), meshService('payment'), service('payment')));
  expect(fixture.client.taken.map(line)).toContain('ClusterLoadAssignment +payment.shop:8080');
  expect(fixture.client.held[TypeUrl.EDS].get('payment.shop:8080')?.message).toMatchObject({ endpoints: [] });
});

test('changes that come faster than the client answers become one', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  for (let last = 2; last <= 9; last++) {
    fixture.stream.update(snapshotFrom(...ORDER(['payment']), ...whole('payment', ['10.0.2.1', `10.0.2.${last}`])));
  }
  expect(fixture.lines()).toHaveLength(2);
  const { message } = fixture.client.held[TypeUrl.EDS].get('payment.shop:8080')!;
  expect(JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toContain('10.0.2.9');
});

test('a slow reader is not written to until it has drained', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  fixture.writable = false;
  const bulkhead = { bulkhead: { maxConnections: 10, maxPendingRequests: 1 } };
  fixture.stream.update(snapshotFrom(...ORDER(['payment']), ...whole('payment', ['10.0.2.7'], [], bulkhead)));
  expect(fixture.client.inbox.map(line)).toEqual(['Cluster +payment.shop:8080']);
  fixture.client.take();
  expect(fixture.client.inbox).toEqual([]);
  fixture.writable = true;
  fixture.stream.drained();
  expect(fixture.client.inbox.map(line)).toEqual(['ClusterLoadAssignment +payment.shop:8080']);
});

test('a proxy that comes back says what it has, and gets what it has not', () => {
  const before = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  const after = new Fixture();
  for (const type of [TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS] as const) {
    for (const [name, held] of before.client.held[type]) after.client.held[type].set(name, held);
  }
  after.stream.update(snapshotFrom(...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK));
  after.client.start();
  expect(after.lines()).toEqual([
    'Cluster +stock.shop:8080',
    'ClusterLoadAssignment +stock.shop:8080',
    // Nothing new; the first request of a type is answered all the same.
    'Listener',
    'RouteConfiguration +outbound',
  ]);
});

test('what is gone when a proxy comes back is removed only after its old routes are replaced', () => {
  const before = connected(snapshotFrom(...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK));
  const after = new Fixture();
  for (const type of [TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS] as const) {
    for (const [name, held] of before.client.held[type]) after.client.held[type].set(name, held);
  }
  after.stream.update(snapshotFrom(...ORDER(['stock']), ...PAYMENT, ...STOCK));
  after.client.start();
  expect(after.lines()).toEqual([
    'Cluster', 'Listener', 'RouteConfiguration +outbound', 'Cluster -payment.shop:8080', 'ClusterLoadAssignment -payment.shop:8080',
  ]);
});

describe('a response is refused', () => {
  const bulkhead = (maxConnections: number) => ({ bulkhead: { maxConnections, maxPendingRequests: 1 } });
  const both = (connections: number) => snapshotFrom(
    ...ORDER(['payment', 'stock']), ...whole('payment', ['10.0.2.1'], [], bulkhead(connections)), ...whole('stock', ['10.0.3.1'], [], bulkhead(connections)),
  );

  test('what the client names stays refused and is not sent again; the rest is', () => {
    const fixture = connected(both(1));
    fixture.client.refuse = ({ resources }) => (resources.some(({ name }) => name === 'payment.shop:8080') ? 'payment.shop:8080: bad' : undefined);
    const next = both(2);
    fixture.stream.update(next);
    expect(line(fixture.client.take())).toBe('Cluster +payment.shop:8080 +stock.shop:8080');
    expect(fixture.client.inbox.map(line)).toContain('Cluster +stock.shop:8080');
    fixture.client.refuse = () => undefined;
    fixture.client.takeAll();
    expect(fixture.nacks).toEqual([{ type: TypeUrl.CDS, names: ['payment.shop:8080'], message: 'payment.shop:8080: bad' }]);
    const state = (name: string) => fixture.stream.stateOf(TypeUrl.CDS, next.types[TypeUrl.CDS].get(name)!);
    expect([state('payment.shop:8080'), state('stock.shop:8080')]).toEqual(['refused', 'accepted']);
    expect(fixture.stream.refusalOf(TypeUrl.CDS, 'payment.shop:8080')?.message).toBe('payment.shop:8080: bad');
    // The same again is nothing new; something else is tried.
    fixture.stream.update(both(2));
    expect(fixture.lines()).toEqual([]);
    fixture.stream.update(both(3));
    expect(fixture.lines()[0]).toBe('Cluster +payment.shop:8080 +stock.shop:8080');
    expect(fixture.stream.refusalOf(TypeUrl.CDS, 'payment.shop:8080')).toBeUndefined();
  });

  test('without a name the bad one is found by halves', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const five = (connections: number) => snapshotFrom(
      ...ORDER(names), ...names.flatMap((name, index) => whole(name, [`10.0.2.${index}`], [], bulkhead(connections))),
    );
    const fixture = connected(five(1));
    fixture.client.refuse = ({ typeUrl, resources }) => (
      typeUrl === TypeUrl.CDS && resources.some(({ name }) => name === 'd.shop:8080') ? 'something is bad' : undefined
    );
    const next = five(2);
    fixture.stream.update(next);
    fixture.client.takeAll();
    const states = names.map((name) => fixture.stream.stateOf(TypeUrl.CDS, next.types[TypeUrl.CDS].get(`${name}.shop:8080`)!));
    expect(states).toEqual(['accepted', 'accepted', 'accepted', 'refused', 'accepted']);
  });
});

test.each([
  ['payment.shop:8080: bad', 'payment.shop:8080', true],
  ['Error adding/updating cluster(s) payment.shop:8080: no, x: y', 'payment.shop:8080', true],
  ['cluster "payment.shop:8080".', 'payment.shop:8080', true],
  ['payment.shop:8080@eu-west: bad', 'payment.shop:8080', false],
  ['xpayment.shop:8080: bad', 'payment.shop:8080', false],
  ['the-outbound listener', 'outbound', false],
  ['about payment.shop:80', 'payment.shop:8080', false],
])('%j names %s: %s', (message, name, expected) => {
  expect(mentions(message, name)).toBe(expected);
});

test('names: asked for again is sent again, left is forgotten, unknown is said to be so', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  const ask = (subscribe: string[], unsubscribe: string[]) => {
    fixture.client.request({ typeUrl: TypeUrl.EDS, resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe });
    const lines = fixture.client.inbox.map(line);
    fixture.client.takeAll();
    return lines;
  };
  expect(ask(['payment.shop:8080'], [])).toEqual(['ClusterLoadAssignment +payment.shop:8080']);
  expect(ask(['nobody'], [])).toEqual(['ClusterLoadAssignment -nobody']);
  expect(ask([], ['payment.shop:8080'])).toEqual([]);
  fixture.stream.update(snapshotFrom(...ORDER(['payment']), ...whole('payment', ['10.0.2.9'])));
  expect(fixture.lines()).toEqual([]);
});

test('a client that asks for no endpoints gets its routes after a while', () => {
  const { client, stream, clock } = new Fixture();
  stream.update(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  client.request({ typeUrl: TypeUrl.CDS });
  client.request({ typeUrl: TypeUrl.RDS, resourceNamesSubscribe: ['outbound'] });
  const answer = () => {
    const response = client.inbox.shift()!;
    client.request({ typeUrl: response.typeUrl, responseNonce: response.nonce });
    return line(response);
  };
  expect(answer()).toBe('Cluster +inbound:8080 +payment.shop:8080');
  expect(client.inbox).toEqual([]);
  clock.advance(PATIENCE - 1);
  expect(client.inbox).toEqual([]);
  clock.advance(1);
  expect(answer()).toBe('RouteConfiguration +outbound');
  stream.close();
  expect(clock.timers).toBe(0);
});

test('an answer to an old response, and an unknown type, change nothing', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment']), ...PAYMENT));
  fixture.client.request({ typeUrl: TypeUrl.CDS, responseNonce: 'none-of-mine', errorDetail: { code: 3, message: 'x' } });
  expect(fixture.nacks).toEqual([]);
  fixture.client.request({ typeUrl: TypeUrl.SDS });
  expect(fixture.client.inbox).toEqual([]);
});

// ------------------------------------------------------------------------------------------------ whatever happens

/** A mesh of some services, as a small description that can be drawn at random. */
const services = ['a', 'b', 'c', 'd'] as const;
const meshes = fc.record({
  calls: fc.subarray([...services]),
  split: fc.option(fc.record({ of: fc.constantFrom(...services), to: fc.constantFrom(...services), weight: fc.nat(3) })),
  endpoints: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  connections: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
});
type Drawn = typeof meshes extends fc.Arbitrary<infer T> ? T : never;

function manifestsOf({ calls, split, endpoints, connections }: Drawn): Manifest[] {
  return [
    mesh(),
    ...ORDER(calls),
    ...services.flatMap((name, index) => [
      meshService(name, [], { bulkhead: { maxConnections: connections[index], maxPendingRequests: 1 } }),
      service(name),
      slice(name, Array.from({ length: endpoints[index] }, (_, at) => `10.0.${index}.${at + 1}`)),
    ]),
    ...split ? [route('split', split.of, [{ backendRefs: [{ name: split.of, port: 8080 }, { name: split.to, port: 8080, weight: split.weight }] }])] : [],
  ];
}

test('property: the client ends with exactly the last snapshot, and never routes to what is not there', () => {
  fc.assert(fc.property(
    fc.array(fc.record({ mesh: meshes, steps: fc.nat(6) }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 3 }),
    (edits, reconnectAt) => {
      let fixture = new Fixture();
      let model: MeshModel | undefined;
      fixture.client.start();
      edits.forEach(({ mesh: drawn, steps }, index) => {
        if (index === reconnectAt && index > 0) {
          const again = new Fixture();
          for (const type of [TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS] as const) {
            for (const [name, held] of fixture.client.held[type]) again.client.held[type].set(name, held);
          }
          fixture = again;
          fixture.client.start();
        }
        model = modelOf(manifestsOf(drawn), model);
        fixture.stream.update(snapshot(model));
        for (let step = 0; step < steps && fixture.client.inbox.length > 0; step++) {
          fixture.client.take();
          expect(fixture.client.dangling()).toEqual([]);
        }
      });
      while (fixture.client.inbox.length > 0) {
        fixture.client.take();
        expect(fixture.client.dangling()).toEqual([]);
      }
      // A mesh made afresh, and a client that has seen nothing else.
      const fresh = connected(snapshot(modelOf(manifestsOf(edits.at(-1)!.mesh))));
      expect(fixture.client.versions()).toEqual(fresh.client.versions());
      expect(fixture.clock.timers).toBe(0);
    },
  ), { numRuns: 40 });
});

test('responses of one resource each, one behind the other, are one response', () => {
  const fixture = connected(snapshotFrom(...ORDER(['payment', 'stock']), ...PAYMENT, ...STOCK));
  const [first]: DeltaDiscoveryResponse[] = fixture.client.taken;
  expect(first).toMatchObject({ typeUrl: TypeUrl.CDS, nonce: '1' });
  expect(first.resources.map(({ name }) => name)).toEqual(['inbound:8080', 'payment.shop:8080', 'stock.shop:8080']);
  expect(new Set(first.resources.map(({ version }) => version)).size).toBe(3);
});
