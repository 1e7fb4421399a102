import { clusterConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const WEBSOCKET = 'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-key: x\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: y\r\n\r\n';

let harness: Harness;
beforeEach(async () => { harness = await Harness.start(); });
afterEach(async () => {
  expect(harness.cluster.activeRequests).toBe(0);
  expect(harness.manager.stats.rqActive).toBe(0);
  await harness.close();
});

describe('a client that goes away', () => {
  test.each([['a reset', 'deliverReset'], ['an end', 'deliverEnd']] as const)('%s cancels the try at once', (_what, how) => {
    const client = harness.send(GET);
    client[how]();
    expect(harness.transport.last.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 0, flag: 'DC', detail: 'downstream_remote_disconnect' }]);
    expect(harness.cluster.connections).toBe(0);
    expect(harness.manager.stats).toMatchObject({ cxActive: 0, cxDestroyRemoteActiveRq: 1, rqRxReset: 1 });
  });

  test('in the middle of its request', () => {
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nab');
    client.deliverEnd();
    expect(harness.transport.last.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 0, flag: 'DC' }]);
  });

  test('in the middle of its answer', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
    client.deliverReset();
    expect(harness.transport.last.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'DC' }]);
  });

  test('while the connection is made', () => {
    harness.transport.autoConnect = false;
    const client = harness.send(GET);
    client.deliverReset();
    expect(harness.transport.last.closed).toBe(true);
    expect(harness.cluster.connections).toBe(0);
  });

  test('half-closed after its last request, it gets its answer', () => {
    const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    client.deliverEnd();
    harness.reply(OK);
    expect(parseAnswer(client.received)).toMatchObject({ status: 200, body: 'ok' });
    expect(client.closed).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: undefined }]);
  });
});

describe('backpressure', () => {
  test('a client that does not read stops the upstream from being read', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n');
    client.stalled = true;
    const upstream = harness.transport.last;
    upstream.deliver(Buffer.alloc(1_000_000), 50_000);
    harness.transport.settle();
    expect(upstream.reading).toBe(false);
    expect(client.pendingBytes).toBe(50_000);
    expect(upstream.heldBytes).toBe(950_000);
    client.drain();
    harness.transport.settle();
    expect(upstream.heldBytes).toBe(0);
    expect(parseAnswer(client.received).body).toHaveLength(1_000_000);
    expect(harness.manager.stats.flowControlPaused).toBe(1);
    expect(harness.seen).toMatchObject([{ status: 200, bytesSent: client.received.length }]);
  });

  test('an upstream that does not read stops the client from being read', () => {
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n');
    const upstream = harness.transport.last;
    upstream.stalled = true;
    client.deliver(Buffer.alloc(1_000_000), 50_000);
    harness.transport.settle();
    expect(client.reading).toBe(false);
    expect(upstream.pendingBytes).toBe(50_000);
    upstream.drain();
    harness.transport.settle();
    expect(client.heldBytes).toBe(0);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });

  test('a request that waits in the system keeps its bytes, though its answer came early', () => {
    harness.transport.autoConnect = false;
    const client = harness.send('GET /first HTTP/1.1\r\nhost: a\r\n\r\n');
    const upstream = harness.transport.last;
    upstream.stalled = true;
    upstream.connect();
    harness.reply(OK);
    harness.send('GET /second-and-longer HTTP/1.1\r\nhost: a\r\n\r\n', client);
    upstream.drain();
    harness.transport.settle();
    harness.reply(OK);
    expect(client.received.match(/200 OK/g)).toHaveLength(2);
  });

  test('a body waits with its client until there is a connection', () => {
    harness.transport.autoConnect = false;
    const client = harness.client();
    client.deliver('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n' + 'x'.repeat(200_000), 20_000);
    harness.transport.settle();
    expect(client.reading).toBe(false);
    expect(client.heldBytes).toBeGreaterThan(170_000);
    harness.transport.last.connect();
    harness.transport.settle();
    expect(harness.transport.last.received.split('\r\n\r\n')[1]).toBe('x'.repeat(200_000));
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });
});

describe('a client that takes nothing of its answer', () => {
  beforeEach(async () => {
    await harness.close();
    harness = await Harness.start({ listener: { streamIdleTimeout: 1000, idleTimeout: 60_000 } });
  });

  test.each([['between two requests', GET], ['after its last', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n']])('%s: is bounded', (_when, request) => {
    const client = harness.client();
    client.stalled = true;
    harness.send(request, client);
    harness.reply(OK);
    expect(harness.seen).toMatchObject([{ status: 200 }]);
    harness.advance(999);
    expect(client.closed).toBe(false);
    harness.advance(1);
    expect(client.closed).toBe(true);
    expect(harness.manager.stats.cxActive).toBe(0);
  });

  test('until it does', () => {
    const client = harness.client();
    client.stalled = true;
    harness.send(GET, client);
    harness.reply(OK);
    harness.advance(999);
    client.drain();
    harness.advance(1000);
    expect(client.closed).toBe(false);
    client.stalled = true;
    harness.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', client);
    harness.reply(OK);
    expect(client.closed).toBe(false);
    client.drain();
    expect(client.closed).toBe(true);
  });

  test('an answer of the proxy itself leaves the connection idle, for as long as any', () => {
    const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.replace('/', 'http://a/'));
    harness.reply('nonsense\r\n\r\n');
    expect(parseAnswer(client.received).status).toBe(502);
    harness.advance(59_999);
    expect(client.closed).toBe(false);
    harness.advance(1);
    expect(client.closed).toBe(true);
  });

  test('the same where no upstream was asked', async () => {
    await harness.close();
    harness = await Harness.start({ routes: [], listener: { idleTimeout: 500 } });
    const client = harness.send(GET);
    expect(parseAnswer(client.received).status).toBe(404);
    harness.advance(500);
    expect(client.closed).toBe(true);
  });
});

describe('WebSocket', () => {
  test('bytes flow both ways after the switch, and each end is passed on by itself', () => {
    const client = harness.send(WEBSOCKET);
    const upstream = harness.transport.last;
    expect(upstream.received).toMatch(/\r\nupgrade: WebSocket\r\n.*\r\nconnection: upgrade\r\n/s);
    harness.reply(`${SWITCH}hello`);
    expect(client.received).toBe('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nsec-websocket-accept: y\r\nconnection: upgrade\r\n\r\nhello');
    upstream.writes.length = client.writes.length = 0;
    harness.send('GET / not http at all', client);
    expect(upstream.received).toBe('GET / not http at all');
    harness.reply('\0\x01\r\n\r\n');
    expect(client.received).toBe('\0\x01\r\n\r\n');
    expect(harness.manager.stats).toMatchObject({ upgradeTotal: 1, upgradeActive: 1 });
    client.deliverEnd();
    expect(upstream.shutDown).toBe(true);
    expect(client.closed).toBe(false);
    harness.reply('still');
    expect(client.received).toContain('still');
    upstream.deliverEnd();
    expect(client.closed).toBe(true);
    expect(upstream.closed).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 101, flag: undefined, path: '/chat' }]);
    expect(harness.manager.stats.upgradeActive).toBe(0);
    expect(harness.cluster.connections).toBe(0);
  });

  test('what is still under way when both ends have ended goes out', () => {
    const client = harness.send(WEBSOCKET);
    harness.reply(SWITCH);
    const upstream = harness.transport.last;
    client.stalled = upstream.stalled = true;
    harness.send('last words', client);
    harness.reply('last answer');
    client.readStart();
    upstream.readStart();
    client.deliverEnd();
    upstream.deliverEnd();
    harness.transport.settle();
    expect(harness.seen).toHaveLength(1);
    expect([client.closed, upstream.closed]).toEqual([false, false]);
    client.drain();
    upstream.drain();
    expect([client.closed, upstream.closed]).toEqual([true, true]);
    expect(harness.cluster.connections).toBe(0);
    expect(harness.manager.stats.cxActive).toBe(0);
  });

  test('it goes on holding its place in max_requests and at its host until it ends, however it ends', async () => {
    await harness.close();
    harness = await Harness.start({ cluster: clusterConfig({ limits: { ...clusterConfig().limits, maxRequests: 1 } }) });
    const [host] = harness.cluster.hosts();
    const ends: ((client: MemoryConnection, upstream: MemoryConnection) => void)[] = [
      (client, upstream) => { client.deliverEnd(); upstream.deliverEnd(); },
      (client) => client.deliverReset(),
      (_, upstream) => upstream.deliverReset(),
      () => harness.advance(300_000),
    ];
    for (const end of ends) {
      const client = harness.send(WEBSOCKET);
      harness.reply(SWITCH);
      expect([harness.cluster.activeRequests, host.active]).toEqual([1, 1]);
      expect(parseAnswer(harness.send(GET).received).status).toBe(503);
      end(client, harness.transport.last);
      expect([harness.cluster.activeRequests, host.active]).toEqual([0, 0]);
    }
  });

  test('an upstream that takes none of the last bytes keeps its connection for a minute at most, where idle ones may stay for ever', async () => {
    await harness.close();
    harness = await Harness.start({ cluster: { idleTimeout: 0 } });
    const client = harness.send(WEBSOCKET);
    harness.reply(SWITCH);
    const upstream = harness.transport.last;
    upstream.stalled = true;
    harness.send('last words', client);
    upstream.deliverEnd();
    client.readStart();
    client.deliverEnd();
    harness.transport.settle();
    expect(upstream.closed).toBe(false);
    harness.advance(60_000);
    expect(upstream.closed).toBe(true);
    expect(harness.cluster.connections).toBe(0);
  });

  test('neither the route\'s timeout nor the pool holds a tunnel; standing still ends it', () => {
    const client = harness.send(WEBSOCKET);
    harness.reply(SWITCH);
    harness.advance(299_000);
    harness.send('ping', client);
    harness.advance(299_000);
    expect(client.closed).toBe(false);
    harness.advance(1000);
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 101, flag: 'SI' }]);
  });

  test('what the client sends ahead of the switch belongs to the tunnel', () => {
    const client = harness.send(`${WEBSOCKET}early`);
    const upstream = harness.transport.last;
    expect(upstream.received).not.toContain('early');
    harness.reply(SWITCH);
    expect(upstream.received).toContain('early');
    expect(client.received).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n.*\r\n\r\n$/s);
    upstream.deliverReset();
  });

  test('an upstream that breaks off ends it for the client, and the log says so', () => {
    const client = harness.send(WEBSOCKET);
    harness.reply(SWITCH);
    harness.clock.advance(5000);
    harness.transport.last.deliverReset();
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 101, flag: 'UC', detail: 'upstream_reset_after_response_started', end: harness.clock.now() }]);
    expect(harness.manager.stats).toMatchObject({ rqTxReset: 1, upgradeActive: 0 });
  });

  test('backpressure holds in a tunnel', () => {
    const client = harness.send(WEBSOCKET);
    harness.reply(SWITCH);
    const upstream = harness.transport.last;
    upstream.stalled = client.stalled = true;
    harness.send('a', client);
    harness.reply('b');
    expect([client.reading, upstream.reading]).toEqual([false, false]);
    client.drain();
    expect([client.reading, upstream.reading]).toEqual([false, true]);
    upstream.drain();
    expect(client.reading).toBe(true);
    client.deliverReset();
    expect(upstream.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 101, flag: 'DC' }]);
  });

  test('an upstream that refuses answers as usual', () => {
    const client = harness.send(WEBSOCKET);
    harness.reply('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    expect(parseAnswer(client.received).status).toBe(403);
    harness.send(GET, client);
    harness.reply(OK);
    expect(client.received).toContain('ok');
  });

  test.each(['h2c', 'websocket, h2c', 'TLS/1.0'])('an upgrade to %s is not passed on', (protocol) => {
    const client = harness.send(`GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: x\r\nupgrade: ${protocol}\r\n\r\n`);
    expect(harness.transport.last.received).not.toMatch(/upgrade|http2-settings|connection/i);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });
});
