import type { ProxySnapshot } from '../../../../runtime/proxy/config/types';
import { actionConfig, clusterConfig, listenerConfig, NO_HEADERS, retryConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

let harness: Harness;
beforeEach(async () => { harness = await Harness.start({ listener: { port: 8080 } }); });
afterEach(async () => harness.close());

const base = (changes: Parameters<typeof listenerConfig>[0] = {}, cluster = {}, ports: readonly number[] = [9001]): ProxySnapshot =>
  snapshot(listenerConfig({ port: 8080, ...changes }), routeTable([routeConfig(actionConfig())]), [[clusterConfig(cluster), ports]]);

function withListeners(...listeners: ReturnType<typeof listenerConfig>[]): ProxySnapshot {
  return { ...base(), listeners: new Map(listeners.map((listener) => [listener.name, listener])) };
}

describe('a new snapshot', () => {
  test('counts for the next request; the one under way keeps its route and cluster', async () => {
    const client = harness.send(GET);
    const old = harness.transport.last;
    const other = snapshot(
      listenerConfig({ port: 8080 }),
      routeTable([routeConfig(actionConfig({ clusters: [{ cluster: 'new', weight: 1, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS }] }), { name: 'second' })]),
      [[clusterConfig({ name: 'new' }), [9100]]],
    );
    const before = harness.cluster;
    await harness.proxy.apply(other);
    expect([...harness.proxy.clusters.keys()]).toEqual(['new']);
    harness.reply(OK, old);
    expect(parseAnswer(client.received).status).toBe(200);
    expect(harness.seen[0]).toMatchObject({ routeName: 'all/all', host: '127.0.0.1:9001' });
    // The cluster that left keeps no connection.
    expect(old.closed).toBe(true);
    expect(before.connections).toBe(0);
    harness.send(GET, client);
    expect(harness.transport.last.port).toBe(9100);
    harness.reply(OK);
    expect(harness.seen[1].routeName).toBe('all/second');
  });

  test('a request that waits to be tried again finishes on the cluster that left', async () => {
    const retry = retryConfig({ maxRetries: 1 });
    const routes = routeTable([routeConfig(actionConfig({ retry }))]);
    await harness.proxy.apply(snapshot(listenerConfig({ port: 8080 }), routes, [[clusterConfig(), [9001]]]));
    const client = harness.send(GET);
    harness.transport.last.deliverReset();
    await harness.proxy.apply({ ...base(), clusters: new Map(), endpoints: new Map() });
    harness.advance(100);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
    expect(harness.transport.last.closed).toBe(true);
  });

  test('an endpoint that leaves: its idle connections close now, the busy one after its answer', async () => {
    const idle = harness.send(GET);
    const busy = harness.send(GET);
    const [first, second] = harness.transport.connected;
    harness.reply(OK, first);
    await harness.proxy.apply(base({}, {}, [9002]));
    expect([first.closed, second.closed]).toEqual([true, false]);
    harness.reply(OK, second);
    expect(parseAnswer(busy.received).status).toBe(200);
    expect(second.closed).toBe(true);
    harness.send(GET, idle);
    expect(harness.transport.last.port).toBe(9002);
  });

  test('settings that changed keep connections, hosts and counters', async () => {
    const client = harness.send(GET);
    harness.reply(OK);
    const { cluster, listener } = harness;
    await harness.proxy.apply(base({ serverName: 'renamed' }, { connectTimeout: 1 }));
    expect(harness.cluster).toBe(cluster);
    expect(harness.listener).toBe(listener);
    client.takeReceived();
    harness.send(GET, client);
    harness.reply(OK);
    expect(parseAnswer(client.received).headers.server).toBe('renamed');
    expect(harness.transport.connected).toHaveLength(1);
  });

  test('a listener at a new address is bound before the old one is given up, whose connections drain', async () => {
    const idle = harness.client();
    const busy = harness.send(GET);
    const { listener } = harness;
    await harness.proxy.apply(base({ port: 8081 }));
    expect([harness.transport.isListening(8080), harness.transport.isListening(8081)]).toEqual([false, true]);
    expect([idle.closed, busy.closed]).toEqual([true, false]);
    harness.reply(OK);
    expect(parseAnswer(busy.received)).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(busy.closed).toBe(true);
    expect(listener.stats.cxActive).toBe(0);
    const client = harness.send(GET);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });

  test('two listeners that swap their addresses', async () => {
    const [a, b] = [listenerConfig({ name: 'ingress', port: 8080, serverName: 'a' }), listenerConfig({ name: 'egress', port: 8081, serverName: 'b' })];
    await harness.proxy.apply(withListeners(a, b));
    await harness.proxy.apply(withListeners({ ...a, port: 8081 }, { ...b, port: 8080 }));
    const server = (port: number): string => {
      const client = harness.send('nonsense\r\n\r\n', harness.transport.client(port));
      return parseAnswer(client.received).headers.server;
    };
    expect([server(8080), server(8081)]).toEqual(['b', 'a']);
  });

  test('a listener that left drains', async () => {
    const client = harness.send(GET);
    await harness.proxy.apply({ ...base(), listeners: new Map() });
    expect(harness.transport.isListening(8080)).toBe(false);
    harness.reply(OK);
    expect(parseAnswer(client.received)).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(harness.proxy.listeners.size).toBe(0);
  });

  test('a listener that left keeps an answer that the client has not read yet, and closes behind it', async () => {
    const [reads, doesNot] = [harness.send(GET), harness.send(GET)];
    reads.stalled = doesNot.stalled = true;
    for (const upstream of harness.transport.connected) harness.reply(OK, upstream);
    await harness.proxy.apply({ ...base(), listeners: new Map() });
    expect([reads.closed, doesNot.closed]).toEqual([false, false]);
    reads.drain();
    expect([reads.closed, doesNot.closed]).toEqual([true, false]);
    await harness.proxy.close();
    expect(doesNot.closed).toBe(true);
  });

  test('addresses that cannot be bound are all named, and the snapshot before stays in force', async () => {
    await harness.transport.listen({ address: '127.0.0.1', port: 7001 }, () => {});
    await harness.transport.listen({ address: '127.0.0.1', port: 7002 }, () => {});
    const broken = withListeners(listenerConfig({ name: 'one', port: 7001 }), listenerConfig({ name: 'two', port: 7002 }), listenerConfig({ name: 'three', port: 7003 }));
    const failure = await harness.proxy.apply(broken).then(() => undefined, (error: AggregateError) => error);
    expect(failure!.errors.map(({ message }: Error) => message)).toEqual([
      expect.stringContaining('listener one: cannot listen on 127.0.0.1:7001'), expect.stringContaining('listener two: cannot listen on 127.0.0.1:7002'),
    ]);
    expect(harness.transport.isListening(7003)).toBe(false);
    expect([...harness.proxy.listeners.keys()]).toEqual(['ingress']);
    const client = harness.send(GET);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
    // A good one after it goes through.
    await harness.proxy.apply(base({ port: 8085 }));
    expect(harness.listener.port).toBe(8085);
  });

  test('two listeners at one address are refused, with both names', async () => {
    const both = withListeners(listenerConfig({ name: 'one', port: 8080 }), listenerConfig({ name: 'two', port: 8080 }));
    await expect(harness.proxy.apply(both)).rejects.toThrow('listener two: 127.0.0.1:8080 belongs to listener one in the same snapshot');
    expect([...harness.proxy.listeners.keys()]).toEqual(['ingress']);
  });

  test('a route table that is not there is refused with its name', async () => {
    await expect(harness.proxy.apply(base({ routeTable: 'missing' }))).rejects.toThrow('listener ingress: route table missing is not in the snapshot');
  });

  test('snapshots given in one go are put in force in their order', async () => {
    await Promise.all([harness.proxy.apply(base({ serverName: 'x' })), harness.proxy.apply(base({ serverName: 'y' })), harness.proxy.apply(base({ serverName: 'z' }))]);
    expect(harness.manager.config.serverName).toBe('z');
  });
});

describe('draining and closing', () => {
  test('idle connections close, answers close theirs, new ones are still served; it ends with the last request', async () => {
    const idle = harness.client();
    const busy = harness.send(GET);
    let drained = false;
    const draining = harness.proxy.drain(10_000).then(() => (drained = true));
    expect(idle.closed).toBe(true);
    const late = harness.send(GET);
    await Promise.resolve();
    expect(drained).toBe(false);
    const [first, second] = harness.transport.connected;
    harness.reply(OK, first);
    harness.reply(OK, second);
    for (const client of [busy, late]) expect(parseAnswer(client.received)).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await draining;
    expect(harness.manager.stats).toMatchObject({ rqActive: 0, cxActive: 0, cxDrainClose: 1 });
  });

  test('it ends at its deadline, too', async () => {
    harness.send(GET);
    const draining = harness.proxy.drain(10_000);
    harness.advance(10_000);
    await draining;
    expect(harness.manager.stats.rqActive).toBe(1);
  });

  test('closing ends everything, each request once, and leaves no timer', async () => {
    const client = harness.send(GET);
    harness.send(GET);
    harness.reply(OK);
    const { cluster } = harness;
    await harness.proxy.close();
    expect(client.wasReset).toBe(true);
    expect(harness.seen.map(({ flag }) => flag)).toEqual([undefined, 'DC']);
    expect(harness.transport.connected.every(({ closed }) => closed)).toBe(true);
    expect([cluster.connections, cluster.activeRequests, harness.clock.timers]).toEqual([0, 0, 0]);
    expect(harness.transport.isListening(8080)).toBe(false);
    await harness.proxy.close();
    await expect(harness.proxy.apply(base())).rejects.toThrow('the proxy is closed');
  });
});
