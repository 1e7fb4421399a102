import type { FilterChainMatchConfig, InspectConfig, TcpProxyConfig } from '../../../../runtime/proxy/config/types';
import { PREFACE } from '../../../../runtime/proxy/http2/protocol';
import type { TcpProxy } from '../../../../runtime/proxy/tcp/tcp-proxy';
import { READ_SIZE } from '../../../../runtime/proxy/transport';
import { clientHello, inRecords } from '../support/client-hello';
import { clusterConfig, filterChain, httpConfig, tcpConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';
import { TcpHarness, type TcpOptions } from '../tcp/support';

const to = (cluster: string, changes: Partial<TcpProxyConfig> = {}) =>
  tcpConfig({ statPrefix: cluster, clusters: [{ cluster, weight: 1 }], ...changes });
const chain = (cluster: string, match: Partial<FilterChainMatchConfig>) => filterChain(`ingress/${cluster}`, to(cluster), match);
const more = (['a', 'b', 'rest'] as const).map((name, index) => [clusterConfig({ name }), [9101 + index]] as const);

/** By SNI to one of three clusters, anything else to a fourth. */
const bySni: TcpOptions = {
  inspect: { tls: true },
  chains: [
    chain('a', { serverNames: ['a.shop'], transportProtocol: 'tls' }),
    chain('b', { serverNames: ['*.shop'], transportProtocol: 'tls' }),
    chain('rest', { transportProtocol: 'tls' }),
  ],
  fallback: filterChain('ingress/default', tcpConfig()),
  more,
};

/** HTTP of either kind, else bytes; servers may speak first. */
const detecting = (inspect: Partial<InspectConfig> = {}): TcpOptions => ({
  inspect: { tls: true, http: true, timeout: 100, continueOnTimeout: true, ...inspect },
  chains: [
    filterChain('ingress/http', httpConfig({ requestHeadersTimeout: 5000 }), { applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] }),
    chain('a', { transportProtocol: 'tls' }),
  ],
  fallback: filterChain('ingress/default', tcpConfig()),
  more,
});

const portOf = ({ upstream }: TcpHarness) => upstream.port;

describe('TLS is passed through by its server name', () => {
  test.each([['a.shop', 9101], ['b.shop', 9102], ['x.y.shop', 9102], ['other.example', 9103], [undefined, 9103]] as const)('%s to %d', async (servername, port) => {
    const harness = await TcpHarness.start(bySni);
    const hello = await clientHello({ servername });
    const client = harness.client(hello);
    client.deliver('more');
    expect([portOf(harness), Buffer.concat(harness.upstream.writes).equals(Buffer.concat([hello, Buffer.from('more')]))]).toEqual([port, true]);
    harness.upstream.deliver('hello, client');
    expect(client.received).toBe('hello, client');
    client.deliverReset();
    expect([harness.ended[0].serverName, harness.listener.stats]).toMatchObject([servername ?? '', { foundTls: 1, preCxActive: 0, cxActive: 0 }]);
  });

  test('in whatever records and reads it comes, byte for byte', async () => {
    const hello = inRecords(await clientHello({ servername: 'b.shop', ALPNProtocols: ['h2'] }), [1, 40, 3]);
    for (const cut of [1, 7, 100, hello.length]) {
      const harness = await TcpHarness.start(bySni);
      const client = harness.client();
      expect(harness.open).toMatchObject({ waiting: 1, sessions: 0 });
      client.deliver(hello, cut);
      harness.settle();
      expect([portOf(harness), Buffer.concat(harness.upstream.writes).equals(hello)]).toEqual([9102, true]);
    }
  });

  test('bytes behind a ClientHello that came in pieces go on, too', async () => {
    const harness = await TcpHarness.start(bySni);
    const hello = await clientHello({ servername: 'a.shop' });
    const client = harness.client(hello.subarray(0, 100));
    client.deliver(Buffer.concat([hello.subarray(100), Buffer.from('early data')]));
    harness.settle();
    expect(harness.upstream.received.endsWith('early data')).toBe(true);
    expect(harness.upstream.received.length).toBe(hello.length + 10);
  });

  test('also where they are all that one read can bring', async () => {
    const harness = await TcpHarness.start(bySni);
    const hello = await clientHello({ servername: 'a.shop' });
    const rest = Buffer.concat([hello.subarray(100), Buffer.alloc(READ_SIZE, 'r')]).subarray(0, READ_SIZE);
    const client = harness.client(hello.subarray(0, 100));
    client.deliver(rest);
    client.deliver('then');
    harness.settle();
    expect(Buffer.concat(harness.upstream.writes).equals(Buffer.concat([hello.subarray(0, 100), rest, Buffer.from('then')]))).toBe(true);
  });

  test('what is not TLS is the default chain\'s at its first byte', async () => {
    const harness = await TcpHarness.start(bySni);
    harness.client('Q');
    expect([portOf(harness), harness.upstream.received, harness.listener.stats.foundOther]).toEqual([9001, 'Q', 1]);
  });

  test('a ClientHello that never ends is bounded: in bytes, and in time', async () => {
    const harness = await TcpHarness.start({ ...bySni, inspect: { tls: true, timeout: 15_000 } });
    // Records of a byte each: five times as many are held as the message has.
    const long = harness.client(Buffer.from([22, 3, 1, 0, 4, 1, 0, 0x30, 0]));
    const records = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([22, 3, 1, 0, 1, 7])));
    long.deliver(records);
    long.deliver(records);
    expect([long.closed, harness.listener.bufferedBytes]).toEqual([false, 12_009]);
    long.deliver(records);
    expect([long.closed, harness.listener.bufferedBytes]).toEqual([true, 0]);
    const longer = harness.client(Buffer.from([22, 3, 1, 0, 4, 1, 0, 0x40, 0]));
    expect(longer.closed).toBe(true);
    const slow = harness.client(Buffer.from([22, 3]));
    harness.advance(14_999);
    expect(slow.closed).toBe(false);
    harness.advance(1);
    expect([slow.closed, harness.listener.stats]).toMatchObject([true, { preCxTimeout: 1, preCxActive: 0, cxActive: 0, cxDestroy: 3 }]);
    expect(harness.listener.bufferedBytes).toBe(0);
  });

  test('without a chain that matches the connection is reset, and counted', async () => {
    const harness = await TcpHarness.start({ ...bySni, fallback: undefined });
    const client = harness.client('not TLS');
    expect([client.wasReset, harness.listener.stats]).toMatchObject([true, { noFilterChainMatch: 1, cxActive: 0, preCxActive: 0 }]);
  });
});

describe('a port whose protocol nobody declared', () => {
  test('HTTP/1 is served as HTTP, in whatever pieces it comes', async () => {
    for (const cut of [1, 9, GET.length]) {
      const harness = await TcpHarness.start(detecting());
      const client = harness.client();
      client.deliver(GET, cut);
      harness.settle();
      harness.upstream.deliver(OK);
      expect([portOf(harness), parseAnswer(client.received), harness.requests]).toMatchObject([9001, { status: 200, body: 'ok' }, ['/']]);
      expect(harness.upstream.received).toContain('x-request-id');
      expect(harness.listener.stats).toMatchObject({ foundHttp: 1, foundTls: 0, foundOther: 0 });
    }
  });

  test('the preface of HTTP/2 is served as HTTP', async () => {
    const harness = await TcpHarness.start(detecting());
    const client = harness.client();
    client.deliver(Buffer.concat([PREFACE, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]), 5);
    harness.settle();
    // Our settings, and the acknowledgement of theirs.
    expect(Buffer.concat(client.writes)[3]).toBe(4);
    expect(client.received).toContain(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]).toString('latin1'));
  });

  test('TLS goes where TLS goes', async () => {
    const harness = await TcpHarness.start(detecting());
    harness.client(await clientHello());
    expect(portOf(harness)).toBe(9101);
  });

  test.each(['SSH-2.0-OpenSSH\r\n', '\0\0\0\x08\x04\xd2\x16\x2f', 'PING\r\n'])('%j is passed on', async (bytes) => {
    const harness = await TcpHarness.start(detecting());
    harness.client(bytes);
    expect([portOf(harness), harness.upstream.received]).toEqual([9001, bytes]);
  });

  test('a server that speaks first is connected to once the client has been silent for so long', async () => {
    const harness = await TcpHarness.start(detecting());
    const client = harness.client();
    harness.advance(99);
    expect(harness.transport.connected).toHaveLength(0);
    harness.advance(1);
    harness.upstream.deliver('220 smtp\r\n');
    expect([client.received, harness.listener.stats]).toMatchObject(['220 smtp\r\n', { preCxTimeout: 1, foundOther: 1 }]);
    client.deliver('EHLO\r\n');
    expect(harness.upstream.received).toBe('EHLO\r\n');
  });

  test('so is one whose client has sent too little to tell, with what it sent', async () => {
    const harness = await TcpHarness.start(detecting());
    harness.client('GE');
    harness.advance(100);
    expect(harness.upstream.received).toBe('GE');
  });

  test('unless it is not to go on: then it is closed', async () => {
    const harness = await TcpHarness.start(detecting({ continueOnTimeout: false }));
    const client = harness.client();
    harness.advance(100);
    expect([client.closed, harness.listener.stats]).toMatchObject([true, { preCxTimeout: 1, cxActive: 0 }]);
  });

  test('a client that ends its direction in the middle is passed on with it', async () => {
    const harness = await TcpHarness.start(detecting());
    const client = harness.client('GE');
    client.deliverEnd();
    harness.settle();
    expect([harness.upstream.received, harness.upstream.shutDown]).toEqual(['GE', true]);
    harness.upstream.deliver('answer');
    harness.upstream.deliverEnd();
    expect([client.received, client.closed]).toEqual(['answer', true]);
  });

  test('a client that goes away in the middle leaves nothing', async () => {
    const harness = await TcpHarness.start(detecting());
    harness.client('GE').deliverReset();
    expect([harness.listener.stats, harness.transport.connected]).toMatchObject([{ preCxActive: 0, cxActive: 0, cxDestroy: 1 }, []]);
    expect(harness.clock.timers).toBeLessThanOrEqual(1);
  });

  test('those that are looked at when the proxy ends are reset', async () => {
    const harness = await TcpHarness.start(detecting());
    const client = harness.client('GE');
    await harness.proxy.close();
    expect(client.wasReset).toBe(true);
  });
});

describe('a listener whose chains change', () => {
  const chains = (names: readonly string[], idleTimeout = 3_600_000) =>
    names.map((name) => filterChain(`ingress/${name}`, to(name, { idleTimeout }), { serverNames: [`${name}.shop`], transportProtocol: 'tls' }));

  test('keeps the connections of those that stay, also where their settings change, and of those that leave until they end', async () => {
    const harness = await TcpHarness.start({ inspect: { tls: true }, chains: chains(['a', 'b']), more });
    const [a, b] = [harness.client(await clientHello({ servername: 'a.shop' })), harness.client(await clientHello({ servername: 'b.shop' }))];
    const [kept, left] = harness.listener.filterChains as readonly TcpProxy[];
    await harness.apply({ inspect: { tls: true }, chains: chains(['rest', 'a'], 60_000), more });
    expect(harness.listener.filterChains[1]).toBe(kept);
    expect([a.closed, b.closed, kept.config.idleTimeout]).toEqual([false, false, 60_000]);
    const refused = harness.client(await clientHello({ servername: 'b.shop' }));
    expect(refused.wasReset).toBe(true);
    b.deliverReset();
    await left.empty();
    expect(left.stats.cxActive).toBe(0);
    harness.client(await clientHello({ servername: 'rest.shop' }));
    expect(portOf(harness)).toBe(9103);
    expect(harness.listener.stats.cxActive).toBe(2);
  });
});

test('HTTP/1 by its first bytes: half a preface of HTTP/2 is bounded as any head is, and what follows cannot change the answer', async () => {
  const harness = await Harness.start({ listener: { requestHeadersTimeout: 300 } });
  const client = harness.client();
  client.deliver(PREFACE.subarray(0, 10));
  harness.advance(299);
  expect(client.received).toBe('');
  harness.advance(1);
  expect(parseAnswer(client.received).status).toBe(408);
  const { length } = client.received;
  client.deliver(PREFACE.subarray(10));
  expect(client.received).toHaveLength(length);
});
