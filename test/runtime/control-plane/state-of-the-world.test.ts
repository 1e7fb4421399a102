import * as fc from 'fast-check';
import { VirtualClock } from '../../../runtime/clock/virtual';
import { snapshotOf, type Snapshot } from '../../../runtime/control-plane/ads/snapshot';
import { StateOfTheWorld } from '../../../runtime/control-plane/ads/state-of-the-world';
import { DeltaStream, PATIENCE } from '../../../runtime/control-plane/ads/stream';
import type { MeshModel } from '../../../runtime/control-plane/model';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { TypeUrl } from '../../../runtime/xds';
import { mesh, meshService, modelOf, route, service, slice, whole, type Manifest } from './support/documents';
import { lineOf, StateOfTheWorldClient } from './support/state-of-the-world-client';

const NODE = { service: 'shop/order', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined };
const GRPC = { port: { number: 8080, protocol: 'grpc' } };
const HOSTS = ['payment', 'stock'];

class Fixture {
  readonly clock = new VirtualClock();
  readonly refused: string[] = [];
  private readonly dialect: StateOfTheWorld = new StateOfTheWorld({
    clock: this.clock, runs: (type) => this.stream.runs(type), late: (request) => { this.stream.request(request); },
  });
  readonly stream: DeltaStream = new DeltaStream({
    clock: this.clock,
    write: (parts) => {
      this.client.receive(Buffer.concat(parts));
      return true;
    },
    encode: (type, nonce, resources, removed) => this.dialect.write(type, nonce, resources, removed),
    sent: () => {},
    acknowledged: () => {},
    refused: (_type, resources, message) => { this.refused.push(`${resources.map(({ name }) => name).join()}: ${message}`); },
  });
  readonly client: StateOfTheWorldClient;

  constructor(readonly channels?: readonly string[]) {
    this.client = new StateOfTheWorldClient((bytes) => {
      for (const request of this.dialect.read(bytes).requests) this.stream.request(request);
      const released = this.dialect.released();
      if (released) this.stream.request(released);
    }, channels);
  }

  update(...manifests: Manifest[]): Snapshot {
    const snapshot = this.snapshot(modelOf([mesh(), ...manifests]));
    this.stream.update(snapshot);
    return snapshot;
  }

  snapshot(model: MeshModel): Snapshot {
    return snapshotOf(xdsResources(model, { ...NODE, ...this.channels && { proxyless: true } }));
  }

  lines(): string[] {
    const before = this.client.taken.length;
    this.client.takeAll();
    return this.client.taken.slice(before).map(lineOf);
  }

  close(): void {
    this.dialect.close();
    this.stream.close();
  }
}

const ORDER = (calls: string[]) => whole('order', ['10.0.0.1'], calls, GRPC);
const PAYMENT = whole('payment', ['10.0.2.1'], [], GRPC);
const STOCK = whole('stock', ['10.0.3.1'], [], GRPC);

function connected(channels: readonly string[] | undefined, ...manifests: Manifest[]): Fixture {
  const fixture = new Fixture(channels);
  fixture.update(...manifests);
  fixture.client.start();
  fixture.client.takeAll();
  return fixture;
}

describe('a client of gRPC', () => {
  test('gets the listener of its channel, its routes, their clusters and endpoints, each as it asks for them', () => {
    const fixture = new Fixture(['payment:8080']);
    fixture.update(...ORDER(HOSTS), ...PAYMENT, ...STOCK);
    fixture.client.start();
    expect(fixture.lines()).toEqual([
      'Listener payment:8080', 'RouteConfiguration outbound:payment.shop:8080', 'Cluster payment.shop:8080', 'ClusterLoadAssignment payment.shop:8080',
    ]);
    fixture.client.use(['payment:8080', 'stock.shop.svc.cluster.local:8080']);
    // All that it asks for of listeners and clusters; of routes and endpoints what is new.
    expect(fixture.lines()).toEqual([
      'Listener payment:8080 stock.shop.svc.cluster.local:8080', 'RouteConfiguration outbound:stock.shop:8080',
      'Cluster payment.shop:8080 stock.shop:8080', 'ClusterLoadAssignment stock.shop:8080',
    ]);
    expect(fixture.clock.timers).toBe(0);
  });

  test('a channel to what is not called has no listener', () => {
    const fixture = new Fixture(['payment:8080', 'nobody:80']);
    fixture.update(...ORDER(['payment']), ...PAYMENT);
    fixture.client.start();
    expect(fixture.lines()[0]).toBe('Listener payment:8080');
    expect([...fixture.client.held[TypeUrl.LDS].keys()]).toEqual(['payment:8080']);
  });

  test('a channel that is given up and taken up again is served again', () => {
    const fixture = connected(['payment'], ...ORDER(['payment']), ...PAYMENT);
    fixture.client.use([]);
    expect(fixture.lines()).toEqual([]);
    expect(fixture.client.contents()).toEqual({});
    fixture.client.use(['payment']);
    expect(fixture.lines()).toEqual([
      'Listener payment', 'RouteConfiguration outbound:payment.shop:8080', 'Cluster payment.shop:8080', 'ClusterLoadAssignment payment.shop:8080',
    ]);
  });

  const split = (to: string) => route('split', 'payment', [{ backendRefs: [{ name: to, port: 8080 }] }]);

  test('other routes come before the clusters that they leave are gone', () => {
    const fixture = connected(['payment'], ...ORDER(['payment']), ...PAYMENT, ...STOCK);
    fixture.update(...ORDER(['payment']), ...PAYMENT, ...STOCK, split('stock'));
    expect(fixture.lines()).toEqual([
      'RouteConfiguration outbound:payment.shop:8080', 'Cluster', 'Cluster stock.shop:8080', 'ClusterLoadAssignment stock.shop:8080',
    ]);
  });

  test('who comes back with clusters that are no more has other routes first', () => {
    const before = connected(['payment'], ...ORDER(['payment']), ...PAYMENT, ...STOCK, split('payment'));
    const after = new Fixture(['payment']);
    after.update(...ORDER(['payment']), ...whole('payment', [], [], GRPC), ...STOCK, split('stock'));
    after.client.start(before.client);
    expect(after.lines().filter((line) => line !== 'ClusterLoadAssignment')).toEqual([
      'Listener payment', 'RouteConfiguration outbound:payment.shop:8080', 'Cluster', 'Cluster stock.shop:8080',
      'ClusterLoadAssignment stock.shop:8080',
    ]);
    expect(after.clock.timers).toBe(0);
  });

  test('who comes back, and asks for nothing but clusters, has them after a while', () => {
    const fixture = new Fixture(['payment']);
    fixture.update(...ORDER(['payment']), ...PAYMENT);
    const bytes: Buffer[] = [];
    const other = connected(['payment'], ...ORDER(['payment']), ...PAYMENT).client;
    const again = new StateOfTheWorldClient((sent) => bytes.push(sent), ['payment']);
    again.start(other);
    const [, , clusters] = bytes;
    const late: string[] = [];
    const dialect = new StateOfTheWorld({
      clock: fixture.clock, runs: () => false, late: ({ typeUrl, resourceNamesSubscribe: names }) => late.push(typeUrl, ...names),
    });
    expect(dialect.read(clusters!).requests).toEqual([]);
    fixture.clock.advance(PATIENCE);
    expect(late).toEqual([TypeUrl.CDS, 'payment.shop:8080']);
  });

  test('of a refused response what is not refused is in force; what is, keeps its last good version and its reason', () => {
    const bulkhead = (maxRequests: number) => ({ ...GRPC, bulkhead: { maxConnections: 1, maxRequests } });
    const both = (max: number) => [
      ...ORDER(HOSTS), ...whole('payment', ['10.0.2.1'], [], bulkhead(max)), ...whole('stock', ['10.0.3.1'], [], bulkhead(max)),
    ];
    const fixture = connected(HOSTS, ...both(1));
    fixture.client.refuse = (_type, message) => {
      const cluster = message.$typeName === 'envoy.config.cluster.v3.Cluster' && message.name === 'payment.shop:8080' ? message : undefined;
      return cluster?.circuitBreakers?.thresholds[0]?.maxRequests === 2 ? 'bad' : undefined;
    };
    const next = fixture.update(...both(2));
    fixture.client.takeAll();
    expect(fixture.refused).toEqual(['payment.shop:8080: payment.shop:8080: bad']);
    const state = (name: string) => fixture.stream.stateOf(TypeUrl.CDS, next.types[TypeUrl.CDS].get(name)!);
    expect([state('payment.shop:8080'), state('stock.shop:8080')]).toEqual(['refused', 'accepted']);
    // Another change brings all clusters again: this one as it was.
    fixture.client.refuse = () => undefined;
    const good = connected(HOSTS, ...both(1)).client.contents()['Cluster payment.shop:8080'];
    fixture.update(...both(2), service('other'));
    fixture.client.takeAll();
    expect(fixture.client.contents()['Cluster payment.shop:8080']).toBe(good);
    expect(fixture.client.lost).toEqual([]);
  });
});

describe('a client that asks for everything', () => {
  test('has clusters before routes that name them, and keeps them until no route does', () => {
    const fixture = connected(undefined, ...ORDER(['payment']), ...PAYMENT, ...STOCK);
    fixture.update(...ORDER(['stock']), ...PAYMENT, ...STOCK);
    expect(fixture.lines()).toEqual([
      'Cluster inbound:8080 payment.shop:8080 stock.shop:8080',
      'ClusterLoadAssignment stock.shop:8080',
      'RouteConfiguration outbound',
      'Cluster inbound:8080 stock.shop:8080',
      // That something is gone cannot be said of endpoints.
      'ClusterLoadAssignment',
    ]);
  });

  test('and names one later, is sent that one alone', () => {
    const fixture = connected(undefined, ...ORDER(HOSTS), ...PAYMENT, ...STOCK);
    const bytes: string[] = [];
    fixture.client.receive = (response) => bytes.push(Buffer.from(response).toString('latin1'));
    (fixture.client as unknown as { ask(type: string, names: string[]): void }).ask(TypeUrl.CDS, ['stock.shop:8080']);
    fixture.update(...ORDER(HOSTS), ...whole('payment', ['10.0.2.1'], [], { ...GRPC, bulkhead: { maxConnections: 3 } }), ...STOCK);
    expect(bytes.filter((text) => text.includes(TypeUrl.CDS)).every((text) => !text.includes('payment'))).toBe(true);
  });
});

// ------------------------------------------------------------------------------------------------ whatever happens

const services = ['a', 'b', 'c', 'd'] as const;
const meshes = fc.record({
  calls: fc.subarray([...services]),
  split: fc.option(fc.record({ of: fc.constantFrom(...services), to: fc.constantFrom(...services), weight: fc.nat(3) })),
  endpoints: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  requests: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
});
type Drawn = typeof meshes extends fc.Arbitrary<infer T> ? T : never;

function manifestsOf({ calls, split, endpoints, requests }: Drawn): Manifest[] {
  return [
    mesh(),
    ...ORDER(calls),
    ...services.flatMap((name, index) => [
      meshService(name, [], { ...GRPC, bulkhead: { maxConnections: 1, maxRequests: requests[index] } }),
      service(name),
      slice(name, Array.from({ length: endpoints[index]! }, (_, at) => `10.0.${index}.${at + 1}`)),
    ]),
    ...split ? [route('split', split.of, [{ backendRefs: [{ name: split.of, port: 8080 }, { name: split.to, port: 8080, weight: split.weight }] }])] : [],
  ];
}

type Edit = Readonly<{ mesh: Drawn; steps: number }>;
const simply = (calls: Drawn['calls'], parent?: string, to?: string): Drawn => ({
  calls, split: parent === undefined ? null : { of: parent, to, weight: 1 } as Drawn['split'], endpoints: [0, 0, 0, 0], requests: [1, 1, 1, 1],
});
/** Who comes back meets the next change before it has answered the present one. */
const EXAMPLES: [Edit[], number][] = [[[
  { mesh: simply(['a']), steps: 2 }, { mesh: simply(['b']), steps: 1 }, { mesh: simply(['b'], 'b', 'a'), steps: 2 }, { mesh: simply(['a', 'b']), steps: 1 },
  { mesh: simply(['c'], 'c', 'b'), steps: 0 },
], 3]];

/** Of clusters that are asked for, only those may be lost that no route names, or whose listener is gone. */
test.each([
  ['gRPC', ['a', 'b.shop', 'c:8080']], ['everything', undefined],
])('property: a client of %s ends with exactly the last snapshot, and never routes to what is not there', (_name, channels) => {
  fc.assert(fc.property(
    fc.array(fc.record({ mesh: meshes, steps: fc.nat(6) }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 3 }),
    (edits, reconnectAt) => {
      let fixture = new Fixture(channels);
      let model: MeshModel | undefined;
      fixture.client.start();
      const take = (): void => {
        const routed = new Set(fixture.client.named());
        fixture.client.lost.length = 0;
        fixture.client.take();
        expect(fixture.client.dangling()).toEqual([]);
        expect(fixture.client.lost.filter((lost) => routed.has(lost.replace('Cluster ', '')))).toEqual([]);
      };
      edits.forEach(({ mesh: drawn, steps }, index) => {
        model = modelOf(manifestsOf(drawn), model);
        // A proxy that asks for everything cannot say what it has, so what is gone meanwhile is gone at once.
        if (index === reconnectAt && index > 0 && channels) {
          const again = new Fixture(channels);
          again.stream.update(again.snapshot(model));
          again.client.start(fixture.client);
          fixture = again;
        } else {
          fixture.stream.update(fixture.snapshot(model));
        }
        for (let step = 0; step < steps && fixture.client.inbox.length > 0; step++) take();
      });
      while (fixture.client.inbox.length > 0) take();
      const fresh = new Fixture(channels);
      fresh.stream.update(fresh.snapshot(modelOf(manifestsOf(edits.at(-1)!.mesh))));
      fresh.client.start();
      fresh.client.takeAll();
      expect(fixture.client.contents()).toEqual(fresh.client.contents());
      expect(fixture.clock.timers).toBe(0);
    },
  ), { numRuns: 40, examples: EXAMPLES });
});
