import type { RetryConfig } from '../../../../runtime/proxy/config/types';
import { actionConfig, clusterConfig, retryConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer, type HarnessOptions } from '../support/harness';

const BAD = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad';
let harness: Harness;
afterEach(async () => harness.close());

async function start(retry: Partial<RetryConfig> | undefined, options: HarnessOptions = {}, timeout = 15_000): Promise<void> {
  harness = await Harness.start({ routes: [routeConfig(actionConfig({ retry: retry && retryConfig(retry), timeout }))], ...options });
}
const requests = (): string[] => harness.transport.connected.flatMap(({ received }) => received.match(/^(GET|POST) /gm) ?? []);

test('the log of a request whose client broke off names the client', async () => {
  await start(undefined);
  const client = harness.send(GET);
  client.deliverReset();
  expect(harness.seen).toMatchObject([{ flag: 'DC', client: '127.0.0.1:40000' }]);
});

describe('timeouts', () => {
  test('of the route, from the end of the request, over all tries', async () => {
    await start({ baseInterval: 600 }, {}, 1000);
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh');
    harness.advance(5000);
    expect(client.received).toBe('');
    harness.send('i', client);
    harness.reply(BAD);
    harness.advance(999);
    expect(client.received).toBe('');
    harness.advance(1);
    const answer = parseAnswer(client.received);
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ policy: 'timeout', service: 'payment' });
    expect(harness.transport.last.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 504, flag: 'UT', tries: 2, detail: 'response_timeout' }]);
    expect(harness.cluster.stats.rqTimeout).toBe(1);
    expect(harness.cluster.activeRequests).toBe(0);
  });

  test('after the answer has begun the connection breaks', async () => {
    await start(undefined, {}, 1000);
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
    harness.advance(1000);
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'UT' }]);
  });

  test('of a try: the upstream is reset and another try is made; the last one is 504', async () => {
    await start({ perTryTimeout: 50, maxRetries: 1 });
    const client = harness.send(GET);
    harness.advance(50);
    expect(harness.transport.last.wasReset).toBe(true);
    harness.advance(100);
    expect(requests()).toHaveLength(2);
    harness.advance(50);
    expect(parseAnswer(client.received).status).toBe(504);
    expect(harness.seen).toMatchObject([{ status: 504, flag: 'UT', tries: 2, detail: 'upstream_per_try_timeout' }]);
    expect(harness.cluster.stats.rqPerTryTimeout).toBe(2);
  });

  test('of a try it ends with the answer\'s head', async () => {
    await start({ perTryTimeout: 50 });
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
    harness.advance(60);
    harness.reply('cde');
    expect(parseAnswer(client.received).body).toBe('abcde');
  });

  test('of a try that stands still, before the answer and within it', async () => {
    await start({ perTryIdleTimeout: 50, maxRetries: 1 });
    const client = harness.send(GET);
    harness.advance(50);
    harness.advance(100);
    expect(requests()).toHaveLength(2);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na');
    harness.advance(40);
    harness.reply('b');
    harness.advance(40);
    expect(client.wasReset).toBe(false);
    harness.advance(10);
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'UT', tries: 2 }]);
    expect(harness.cluster.activeRequests).toBe(0);
  });

  test('of connecting', async () => {
    await start(undefined, { cluster: { connectTimeout: 250 } });
    harness.transport.autoConnect = false;
    const client = harness.send(GET);
    harness.advance(250);
    expect(parseAnswer(client.received).status).toBe(503);
    expect(harness.transport.last.closed).toBe(true);
    expect(harness.seen).toMatchObject([{ flag: 'UF', detail: 'upstream_connection_timeout' }]);
    expect(harness.cluster.stats.cxConnectTimeout).toBe(1);
  });

  test('a stream that stands still: 408 while the client is slow, 504 while the upstream is', async () => {
    await start(undefined, { listener: { streamIdleTimeout: 1000 } });
    const slow = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na');
    harness.advance(900);
    harness.send('b', slow);
    harness.advance(900);
    expect(slow.received).toBe('');
    harness.advance(100);
    expect(parseAnswer(slow.received).status).toBe(408);
    const client = harness.send(GET);
    harness.advance(1000);
    expect(parseAnswer(client.received).status).toBe(504);
    expect(harness.seen).toMatchObject([{ flag: 'SI' }, { flag: 'SI' }]);
    // A client's slowness is not the upstream's failure.
    expect(harness.manager.stats.rqIdleTimeout).toBe(2);
  });

  test('a head that does not come in time is 408', async () => {
    await start(undefined, { listener: { requestHeadersTimeout: 500 } });
    const client = harness.send('GET / HT');
    harness.advance(300);
    harness.send('TP/1.1\r\n', client);
    harness.advance(199);
    expect(client.received).toBe('');
    harness.advance(1);
    expect(parseAnswer(client.received).status).toBe(408);
    expect(harness.seen).toMatchObject([{ status: 408, detail: 'request_header_timeout' }]);
  });

  test('idle connections, of clients and of the pool', async () => {
    await start(undefined, { listener: { idleTimeout: 1000 }, cluster: { idleTimeout: 500 } });
    const client = harness.send(GET);
    harness.reply(OK);
    harness.advance(500);
    expect(harness.transport.last.closed).toBe(true);
    expect(harness.cluster.connections).toBe(0);
    harness.advance(499);
    expect(client.closed).toBe(false);
    harness.advance(1);
    expect(client.closed).toBe(true);
    expect(harness.manager.stats).toMatchObject({ cxIdleTimeout: 1, cxActive: 0 });
  });
});

describe('bounds', () => {
  test('max_connections: requests wait in line, up to max_pending_requests; the next is refused', async () => {
    await start(undefined, { cluster: { limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 10, maxRetries: 3 } } });
    const clients = ['/1', '/2', '/3', '/4'].map((path) => harness.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`));
    const refused = parseAnswer(clients[3].received);
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toMatchObject({ policy: 'bulkhead', service: 'payment' });
    expect(harness.cluster.pending).toBe(2);
    for (let i = 0; i < 3; i++) {
      expect(harness.transport.last.received.match(/GET \/\d/g)).toHaveLength(i + 1);
      harness.reply(OK);
      expect(parseAnswer(clients[i].received).status).toBe(200);
    }
    expect(harness.transport.last.received.match(/GET \/\d/g)).toEqual(['GET /1', 'GET /2', 'GET /3']);
    expect(harness.cluster.pending).toBe(0);
    expect(harness.cluster.stats).toMatchObject({ rqPendingTotal: 2, rqPendingOverflow: 1, cxOverflow: 3 });
  });

  test('a waiting request leaves the line with its client', async () => {
    await start(undefined, { cluster: { limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 10, maxRetries: 3 } } });
    const first = harness.send(GET);
    const second = harness.send(GET);
    const third = harness.send(GET);
    second.deliverReset();
    expect(harness.cluster.pending).toBe(1);
    harness.reply(OK);
    harness.reply(OK);
    expect(parseAnswer(first.received).status).toBe(200);
    expect(parseAnswer(third.received).status).toBe(200);
  });

  test('a try whose connection turned out to be closed takes its place again, before those that wait', async () => {
    await start(undefined, { cluster: { limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 10, maxRetries: 3 } } });
    const first = harness.send(GET);
    harness.reply(OK);
    harness.send(GET, first);
    const second = harness.send(GET);
    harness.transport.last.deliverReset();
    harness.transport.settle();
    expect(harness.cluster.connections).toBe(1);
    expect(harness.transport.connected).toHaveLength(2);
    harness.reply(OK);
    harness.reply(OK);
    expect(harness.seen).toMatchObject([{ status: 200, tries: 1 }, { status: 200, tries: 1 }, { status: 200, tries: 1 }]);
    expect(parseAnswer(second.received).status).toBe(200);
  });

  test('a waiting request gets the place of a connection that ended', async () => {
    await start(undefined, { cluster: { limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 10, maxRetries: 3 } } });
    harness.send(GET);
    const second = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    expect(harness.transport.connected).toHaveLength(2);
    harness.reply(OK);
    expect(parseAnswer(second.received).status).toBe(200);
    expect(harness.cluster.connections).toBe(1);
  });

  test('an idle connection to one host makes room for another', async () => {
    const limits = { maxConnections: 1, maxPendingRequests: 0, maxRequests: 10, maxRetries: 3 };
    await start(undefined, { ports: [9001, 9002], cluster: { limits } });
    const client = harness.send(GET);
    harness.reply(OK);
    harness.send(GET, client);
    const [first, second] = harness.transport.connected;
    expect([first.closed, second.closed]).toEqual([true, false]);
    expect(first.port).not.toBe(second.port);
    expect(harness.cluster.connections).toBe(1);
  });

  test('a retry that waits is not given a host that it tried already', async () => {
    const limits = { ...clusterConfig().limits, maxConnections: 1 };
    await start({ avoidPreviousHosts: true, hostSelectionAttempts: 10, baseInterval: 10 }, { ports: [9001, 9002], cluster: { limits } });
    const first = harness.send(GET);
    const { port } = harness.transport.last;
    // The other one, which may go anywhere, gets the connection of the first while that waits before its retry.
    const second = harness.send(GET);
    harness.reply(BAD);
    expect(requests()).toHaveLength(2);
    harness.advance(10);
    harness.reply(OK);
    expect(parseAnswer(second.received).status).toBe(200);
    expect(harness.transport.last.port).not.toBe(port);
    harness.reply(OK);
    expect(parseAnswer(first.received).status).toBe(200);
  });

  test('max_requests refuses at once', async () => {
    await start(undefined, { cluster: { limits: { maxConnections: 10, maxPendingRequests: 10, maxRequests: 1, maxRetries: 3 } } });
    harness.send(GET);
    const second = harness.send(GET);
    expect(parseAnswer(second.received).status).toBe(503);
    expect(harness.seen).toMatchObject([{ flag: 'UO', detail: 'overflow' }]);
  });

  test('max_requests_per_connection', async () => {
    await start(undefined, { cluster: { maxRequestsPerConnection: 2 } });
    const client = harness.client();
    for (let i = 0; i < 3; i++) {
      harness.send(GET, client);
      harness.reply(OK);
    }
    expect(harness.transport.connected.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('no endpoint', async () => {
    await start(undefined, { ports: [] });
    const client = harness.send(GET);
    expect(parseAnswer(client.received).status).toBe(503);
    expect(harness.seen).toMatchObject([{ flag: 'UH', detail: 'no_healthy_upstream' }]);
    expect(harness.cluster.activeRequests).toBe(0);
  });
});
