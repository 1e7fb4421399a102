import { VirtualClock } from '../../../../runtime/clock/virtual';
import { AdsClient, type AdsStreamEvents } from '../../../../runtime/proxy/ads';
import { ConfigStore } from '../../../../runtime/proxy/config/store';
import type { RawResource } from '../../../../runtime/proxy/config/store';
import { ListenError } from '../../../../runtime/proxy/listen-error';
import { createLog } from '../../../../runtime/proxy/observe/log';
import {
  create, DeltaDiscoveryResponseSchema, NodeSchema, TypeUrl, type DeltaDiscoveryRequest,
} from '../../../../runtime/xds';
import { assignment, cluster, listener, listenerJson, raw, table } from '../config/resources';

class FakeStream {
  readonly sent: DeltaDiscoveryRequest[] = [];
  closed = false;
  private nonce = 0;

  constructor(readonly address: string, readonly events: AdsStreamEvents) {}

  /** What was sent since the last look, shortened. */
  take(): object[] {
    return this.sent.splice(0).map((request) => ({
      type: request.typeUrl.slice(request.typeUrl.lastIndexOf('.') + 1),
      ...(request.node && { node: request.node.id }),
      ...(request.responseNonce && { nonce: request.responseNonce }),
      ...(request.resourceNamesSubscribe.length > 0 && { subscribe: request.resourceNamesSubscribe }),
      ...(request.resourceNamesUnsubscribe.length > 0 && { unsubscribe: request.resourceNamesUnsubscribe }),
      ...(Object.keys(request.initialResourceVersions).length > 0 && { versions: request.initialResourceVersions }),
      ...(request.errorDetail && { error: request.errorDetail.message }),
    }));
  }

  respond(typeUrl: string, resources: RawResource[], removedResources: string[] = []): void {
    this.events.response(create(DeltaDiscoveryResponseSchema, { typeUrl, nonce: `n${++this.nonce}`, resources, removedResources }));
  }
}

function setup(options: { addresses?: number; random?: number; inForce?: () => Promise<Error | undefined> } = {}) {
  const clock = new VirtualClock();
  const streams: FakeStream[] = [];
  const lines: string[] = [];
  const store = new ConfigStore({ onSnapshot: () => undefined, onDns: () => undefined });
  let accepted = 0;
  const client = new AdsClient({
    config: {
      addresses: Array.from({ length: options.addresses ?? 1 }, (_, index) => ({ host: `127.0.0.${index + 1}`, port: 15010 })),
      authority: undefined, connectTimeout: 1_000, keepalive: undefined, identity: undefined, listeners: true, clusters: true,
    },
    node: create(NodeSchema, { id: 'n', cluster: 'c' }),
    store, clock, random: () => options.random ?? 0,
    open: ({ host, port }, events) => {
      const stream = new FakeStream(`${host}:${port}`, events);
      streams.push(stream);
      return { send: (request) => stream.sent.push(request), close: () => { stream.closed = true; } };
    },
    log: createLog(clock, 'debug', (line) => lines.push(line)),
    accepted: () => accepted++,
    inForce: options.inForce,
  });
  const log = () => lines.map((line) => JSON.parse(line) as { message: string; fields: object });
  return { clock, streams, store, client, log, accepted: () => accepted };
}

describe('delta ADS client', () => {
  test('asks for clusters and listeners as a whole, for endpoints and routes by name, and acknowledges', () => {
    const { client, streams, store, accepted } = setup();
    client.start();
    const [stream] = streams;
    expect(stream.take()).toEqual([{ type: 'Cluster', node: 'n' }, { type: 'Listener' }]);
    expect(client.initialized).toBe(false);
    stream.respond(TypeUrl.CDS, [cluster('a'), cluster('b')]);
    expect(stream.take()).toEqual([{ type: 'Cluster', nonce: 'n1' }, { type: 'ClusterLoadAssignment', subscribe: ['a', 'b'] }]);
    stream.respond(TypeUrl.LDS, [listener('l', 80, { rds: 'r' })]);
    expect(stream.take()).toEqual([{ type: 'Listener', nonce: 'n2' }, { type: 'RouteConfiguration', subscribe: ['r'] }]);
    expect(client.initialized).toBe(true);
    stream.respond(TypeUrl.EDS, [assignment('a', 1), assignment('b', 2)]);
    stream.respond(TypeUrl.RDS, [table('r', 'a')]);
    expect(stream.take()).toEqual([{ type: 'ClusterLoadAssignment', nonce: 'n3' }, { type: 'RouteConfiguration', nonce: 'n4' }]);
    expect([...store.snapshot.listeners.keys(), ...store.snapshot.clusters.keys()]).toEqual(['l', 'a', 'b']);
    expect(client.stats.types[TypeUrl.CDS]).toMatchObject({ attempt: 1, success: 1, rejected: 0 });
    expect(client.stats.connected).toBe(1);
    expect(accepted()).toBe(4);
  });

  test('a listener that cannot have its address is refused with the system\'s words; other answers are not', async () => {
    let failure: Error | undefined = new AggregateError([new ListenError('l', 'listener l: cannot listen on 127.0.0.1:80: bind EADDRINUSE')], 'one');
    const { client, streams } = setup({ inForce: async () => failure });
    client.start();
    const [stream] = streams;
    stream.take();
    stream.respond(TypeUrl.CDS, [cluster('a')]);
    stream.respond(TypeUrl.LDS, [listener('l', 80, { cluster: 'a' }), listener('m', 81, { cluster: 'a' })]);
    await new Promise(setImmediate);
    expect(stream.take()).toEqual([
      { type: 'Cluster', nonce: 'n1' }, { type: 'ClusterLoadAssignment', subscribe: ['a'] },
      { type: 'Listener', nonce: 'n2', error: 'l: listener l: cannot listen on 127.0.0.1:80: bind EADDRINUSE' },
    ]);
    stream.respond(TypeUrl.EDS, [assignment('a', 1)]);
    await new Promise(setImmediate);
    expect(stream.take()).toEqual([{ type: 'ClusterLoadAssignment', nonce: 'n3' }]);
    // Nor is another answer about listeners, one of whose was refused before.
    stream.respond(TypeUrl.LDS, [listener('m', 82, { cluster: 'a' })]);
    await new Promise(setImmediate);
    expect(stream.take()).toEqual([{ type: 'Listener', nonce: 'n4' }]);
    failure = new Error('the route table does not compile');
    stream.respond(TypeUrl.EDS, [assignment('a', 2)]);
    await new Promise(setImmediate);
    expect(stream.take()).toEqual([{ type: 'ClusterLoadAssignment', nonce: 'n5', error: 'the route table does not compile' }]);
  });

  test('a removed cluster ends the interest in its endpoints', () => {
    const { client, streams, store } = setup();
    client.start();
    const [stream] = streams;
    stream.respond(TypeUrl.CDS, [cluster('a'), cluster('b')]);
    stream.respond(TypeUrl.EDS, [assignment('a', 1), assignment('b', 2)]);
    stream.take();
    stream.respond(TypeUrl.CDS, [cluster('c')], ['a']);
    expect(stream.take()).toEqual([{ type: 'Cluster', nonce: 'n3' }, { type: 'ClusterLoadAssignment', subscribe: ['c'], unsubscribe: ['a'] }]);
    expect([...store.snapshot.clusters.keys()]).toEqual(['b']);
  });

  test('a wrong resource is refused by name and path, the rest of the answer is taken, and the last good one goes on', () => {
    const { client, streams, store, log } = setup();
    client.start();
    const [stream] = streams;
    stream.respond(TypeUrl.LDS, [listener('l', 80, { cluster: 'a' })]);
    stream.take();
    const wrong = raw(TypeUrl.LDS, 'l', listenerJson('l', 80, { cluster: 'a' }, { codec_type: 'HTTP3', stat_prefix: '' }), '2');
    stream.respond(TypeUrl.LDS, [wrong, listener('m', 81, { cluster: 'a' }), { name: 'empty', version: '1', resource: undefined as never }]);
    const path = 'filter_chains[0].filters[0].typed_config';
    const problems = [`${path}.codec_type: "HTTP3" is not supported: one of "AUTO", "HTTP1", "HTTP2" (AUTO tells HTTP/2 by its preface)`, `${path}.stat_prefix: is required`];
    expect(stream.take()).toEqual([{ type: 'Listener', nonce: 'n2', error: `l: ${problems.join('; ')}\nempty: has no resource` }]);
    expect([...store.snapshot.listeners.keys()]).toEqual(['l', 'm']);
    expect(store.versions(TypeUrl.LDS).get('l')).toBe('1');
    expect(client.stats.types[TypeUrl.LDS]).toMatchObject({ attempt: 2, success: 1, rejected: 1 });
    expect(log().filter(({ message }) => message === 'resource refused')).toMatchObject([
      { fields: { type: 'Listener', resource: 'l', problems } }, { fields: { resource: 'empty' } },
    ]);
    // The next good answer is an ACK again.
    stream.respond(TypeUrl.LDS, [listener('l', 82, { cluster: 'a' })]);
    expect(stream.take()).toEqual([{ type: 'Listener', nonce: 'n3' }]);
  });

  test('a type that was not asked for is refused', () => {
    const { client, streams } = setup();
    client.start();
    streams[0].take();
    streams[0].respond(TypeUrl.SDS, []);
    streams[0].respond(TypeUrl.RDS, [table('r', 'a')]);
    expect(streams[0].take()).toEqual([
      { type: 'Secret', nonce: 'n1', error: `${TypeUrl.SDS} was not asked for` },
      { type: 'RouteConfiguration', nonce: 'n2', error: `${TypeUrl.RDS} was not asked for` },
    ]);
  });

  test('a lost control plane: what is held goes on, and the next stream says which versions', () => {
    const { client, clock, streams, store } = setup();
    client.start();
    streams[0].respond(TypeUrl.CDS, [cluster('a', {}, '5')]);
    streams[0].respond(TypeUrl.EDS, [assignment('a', 1)]);
    streams[0].respond(TypeUrl.LDS, [listener('l', 80, { cluster: 'a' })]);
    const before = store.snapshot;
    streams[0].events.ended('gone');
    expect(client.stats.connected).toBe(0);
    expect(store.snapshot).toBe(before);
    clock.advance(250);
    expect(streams).toHaveLength(2);
    expect(streams[1].take()).toEqual([
      { type: 'Cluster', node: 'n', versions: { a: '5' } },
      { type: 'Listener', versions: { l: '1' } },
      { type: 'ClusterLoadAssignment', subscribe: ['a'], versions: { a: '1' } },
    ]);
    streams[1].respond(TypeUrl.CDS, [], ['a']);
    expect(store.snapshot.clusters.size).toBe(0);
  });

  test.each([[0, '127.0.0.1'], [0.34, '127.0.0.2'], [0.99, '127.0.0.3']])('begins at any of the addresses: %d of the way at %s', (random, address) => {
    const { client, streams } = setup({ addresses: 3, random });
    client.start();
    expect(streams[0].address).toBe(`${address}:15010`);
  });

  test('attempts go round the addresses, each after a longer wait, half of it random, up to 30 s', () => {
    const { client, clock, streams } = setup({ addresses: 3 });
    client.start();
    const waits: number[] = [];
    for (let at = 0; at < 9; at++) {
      streams[at].events.ended('refused');
      waits.push(clock.untilNext()!);
      clock.advance(clock.untilNext()!);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(streams.map((stream) => stream.address.split(':')[0]).slice(0, 5)).toEqual(['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.1', '127.0.0.2']);
    // An answer starts the waits anew.
    streams[9].respond(TypeUrl.CDS, []);
    streams[9].events.ended('gone');
    expect(clock.untilNext()).toBe(250);
  });

  test('the random half', () => {
    const { client, clock, streams } = setup({ random: 0.5 });
    client.start();
    streams[0].events.ended('refused');
    expect(clock.untilNext()).toBe(375);
  });

  test('closed: the stream ends, and nothing is tried again', () => {
    const { client, clock, streams } = setup();
    client.start();
    client.close();
    expect(streams[0].closed).toBe(true);
    streams[0].events.ended('cancelled');
    expect(clock.timers).toBe(0);
  });
});
