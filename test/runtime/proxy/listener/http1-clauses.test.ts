import { actionConfig, NO_HEADERS, retryConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

let harness: Harness;
afterEach(async () => harness.close());

const start = async (options: Parameters<typeof Harness.start>[0] = {}): Promise<void> => { harness = await Harness.start(options); };
const upstreamSaw = (): string => harness.transport.last.received;

describe('empty lines behind a message (RFC 9112 §2.2)', () => {
  beforeEach(async () => start({ listener: { requestHeadersTimeout: 1000, idleTimeout: 5000 } }));

  test.each([['together with it', ['\r\n']], ['later', ['', '\r\n']], ['in two pieces', ['\r', '\n']], ['several', ['\r\n\r\n', '\r\n']]])('%s: nothing waits for a head', (_when, pieces) => {
    const client = harness.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi${pieces[0]}`);
    harness.reply(OK);
    for (const piece of pieces.slice(1)) harness.send(piece, client);
    harness.advance(4999);
    expect(client.closed).toBe(false);
    expect(parseAnswer(client.takeReceived()).status).toBe(200);
    harness.advance(1);
    expect([client.closed, client.received]).toEqual([true, '']);
    expect(harness.seen).toHaveLength(1);
  });

  test('half of one is the beginning of something, and bounded', () => {
    const client = harness.client();
    harness.send('\r', client);
    harness.advance(1000);
    expect(parseAnswer(client.received).status).toBe(408);
  });

  test('do not keep a drain waiting', async () => {
    const client = harness.send(`${GET}\r\n`);
    harness.reply(OK);
    void harness.listener.drain();
    expect(client.closed).toBe(true);
  });
});

describe('slow requests are bounded in time', () => {
  test('a head, from its first byte on, however it trickles', async () => {
    await start({ listener: { requestHeadersTimeout: 1000 } });
    const client = harness.client();
    for (const c of 'GET / HTTP') {
      harness.send(c, client);
      harness.advance(100);
    }
    expect(parseAnswer(client.received)).toMatchObject({ status: 408, headers: { connection: 'close' } });
    expect(harness.seen).toMatchObject([{ status: 408, detail: 'request_header_timeout' }]);
  });

  test('a body as a whole, however it trickles: 408, and its upstream is told', async () => {
    await start({ listener: { requestTimeout: 1000, streamIdleTimeout: 300 } });
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n');
    for (let i = 0; i < 10; i++) {
      expect(client.received).toBe('');
      harness.send('x', client);
      harness.advance(100);
    }
    expect(parseAnswer(client.received)).toMatchObject({ status: 408, headers: { connection: 'close' } });
    expect(harness.transport.last.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 408, detail: 'request_overall_timeout' }]);
    expect(harness.manager.stats.rqOverallTimeout).toBe(1);
  });

  test('a complete one is not, nor one whose answer has begun', async () => {
    await start({ listener: { requestTimeout: 1000 }, routes: [routeConfig(actionConfig({ timeout: 0 }))] });
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh');
    harness.send('i', client);
    harness.advance(2000);
    harness.reply(OK);
    expect(parseAnswer(client.takeReceived()).status).toBe(200);
    harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh', client);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no');
    harness.advance(2000);
    harness.reply('k');
    expect(parseAnswer(client.received)).toMatchObject({ status: 200, body: 'ok' });
  });

  test('a body that stands still: 408', async () => {
    await start({ listener: { streamIdleTimeout: 300 } });
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh');
    harness.advance(300);
    expect(parseAnswer(client.received).status).toBe(408);
  });
});

describe('an upgrade to WebSocket', () => {
  const WEBSOCKET = 'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n';

  test.each<[boolean, boolean | undefined, boolean]>([
    [false, undefined, false], [true, undefined, true], [false, true, true], [true, false, false],
  ])('listener %s, route %s: passed on %s', async (listener, route, passes) => {
    await start({ listener: { websocket: listener }, routes: [routeConfig(actionConfig({ websocket: route }))] });
    const client = harness.send(WEBSOCKET);
    if (passes) {
      expect(upstreamSaw()).toContain('upgrade: websocket');
      return;
    }
    const { status, body, headers } = parseAnswer(client.takeReceived());
    expect([status, headers.connection]).toEqual([403, undefined]);
    expect(JSON.parse(body)).toMatchObject({ type: 'https://meshwright.dev/problems/upgrade-not-allowed', policy: 'route' });
    expect(harness.transport.connected).toEqual([]);
    expect(harness.seen).toMatchObject([{ status: 403, detail: 'upgrade_failed' }]);
    // The connection goes on.
    harness.send(GET, client);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });

  test('is a request to every policy until it is done: limits, tries, timeouts, the breaker', async () => {
    const buckets = [{ name: 'all', maxTokens: 4, tokensPerFill: 1, fillInterval: 3_600_000, key: undefined, maxKeys: 1 }];
    const config = { statPrefix: 'all', buckets, statusCode: 429, headers: false, responseHeaders: NO_HEADERS, enforcedPercent: 100 };
    const retry = retryConfig({ maxRetries: 1, baseInterval: 10, maxInterval: 10, requestMatches: [] });
    await start({
      listener: { filters: [{ kind: 'local_ratelimit', name: 'limits', config }] },
      routes: [routeConfig(actionConfig({ retry, timeout: 1000 }))],
      cluster: { breaker: { kind: 'consecutive_failures', failures: 3, cooldown: 60_000 } },
    });
    const switched = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    // A try that fails is made again.
    const first = harness.send(WEBSOCKET);
    harness.reply('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    harness.advance(10);
    harness.reply(switched);
    expect(parseAnswer(first.received).status).toBe(101);
    // What has switched has no timeout of the route any more; what has not does.
    const second = harness.send(WEBSOCKET);
    harness.advance(1000);
    expect(parseAnswer(second.received).status).toBe(504);
    expect(first.closed).toBe(false);
    // Two more failures open the breaker.
    const third = harness.send(WEBSOCKET);
    harness.reply('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    harness.advance(10);
    harness.reply('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    expect(parseAnswer(third.received).status).toBe(503);
    const connections = harness.transport.connected.length;
    const fourth = harness.send(WEBSOCKET);
    expect(JSON.parse(parseAnswer(fourth.received).body)).toMatchObject({ type: 'https://meshwright.dev/problems/circuit-open' });
    const fifth = harness.send(WEBSOCKET);
    expect(parseAnswer(fifth.received).status).toBe(429);
    expect(harness.transport.connected).toHaveLength(connections);
  });

  test('a switch that says how long its body is, is none', async () => {
    await start();
    for (const extra of ['content-length: 0', 'transfer-encoding: chunked']) {
      const client = harness.send(WEBSOCKET);
      harness.reply(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n${extra}\r\n\r\n`);
      expect(parseAnswer(client.received).status).toBe(502);
    }
  });
});

describe('what belongs to one hop', () => {
  beforeEach(async () => start());

  test('204 says nothing of a length (RFC 9110 §8.6)', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1.1 204 No Content\r\n/);
    expect(client.received).not.toContain('content-length');
  });

  test.each(['request', 'answer'])('a trailer that Connection names does not get past: %s', (side) => {
    const body = '2\r\nhi\r\n0\r\nX-Hop: 1\r\n\r\n';
    const head = 'connection: x-hop\r\ntransfer-encoding: chunked\r\n\r\n';
    if (side === 'request') {
      const client = harness.send(`POST / HTTP/1.1\r\nhost: a\r\n${head}${body}`);
      expect(parseAnswer(client.received).status).toBe(400);
      return;
    }
    const client = harness.send(GET);
    harness.reply(`HTTP/1.1 200 OK\r\n${head}`);
    harness.reply(body);
    expect(client.wasReset).toBe(true);
    expect(client.received).not.toContain('x-hop');
    // The next message does not name it.
    const next = harness.send(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${body}`);
    harness.reply(OK);
    expect(parseAnswer(next.received).status).toBe(200);
  });

  test('nobody says who he is by a header of ours; nor takes one away', () => {
    harness.send('GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: By=spiffe://x;URI=spiffe://admin\r\n'
      + 'connection: tracestate, x-forwarded-for, x-forwarded-proto, host, traceparent, x-request-id\r\nx-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\n'
      + 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: x=1\r\nx-request-id: r\r\n\r\n');
    expect(upstreamSaw()).not.toContain('x-forwarded-client-cert');
    for (const kept of ['host: a', 'x-forwarded-for: 1.2.3.4', 'x-forwarded-proto: https', 'tracestate: x=1', 'x-request-id: r']) {
      expect(upstreamSaw()).toContain(`\r\n${kept}\r\n`);
    }
    expect(upstreamSaw()).toMatch(/\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-/);
  });
});
