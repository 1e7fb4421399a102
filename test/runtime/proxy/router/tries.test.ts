import type { RetryConfig } from '../../../../runtime/proxy/config/types';
import { NEVER, actionConfig, retryConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer, type HarnessOptions } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const BAD = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad';
let harness: Harness;
afterEach(async () => harness.close());

async function start(retry: Partial<RetryConfig> | undefined, options: HarnessOptions = {}, timeout = 15_000): Promise<void> {
  harness = await Harness.start({ routes: [routeConfig(actionConfig({ retry: retry && retryConfig(retry), timeout }))], ...options });
}
const requests = (): string[] => harness.transport.connected.flatMap(({ received }) => received.match(/^(GET|POST) /gm) ?? []);

describe('retries', () => {
  test('an answer that matches is set aside; waits double up to the bound', async () => {
    await start({ maxRetries: 4, baseInterval: 100, maxInterval: 400 });
    const client = harness.send(GET);
    for (const wait of [100, 200, 400, 400]) {
      const before = requests().length;
      harness.reply(BAD);
      harness.advance(wait - 1);
      expect(requests()).toHaveLength(before);
      harness.advance(1);
      expect(requests()).toHaveLength(before + 1);
    }
    expect(client.received).toBe('');
    harness.reply(OK);
    expect(parseAnswer(client.received)).toMatchObject({ status: 200, body: 'ok' });
    // The connection of an answer that was set aside whole serves the next try.
    expect(harness.transport.connected).toHaveLength(1);
    expect(harness.seen).toMatchObject([{ status: 200, tries: 5, flag: undefined }]);
    expect(harness.cluster.stats).toMatchObject({ rqRetry: 4, rqRetrySuccess: 1, rqTotal: 5 });
  });

  test('jitter takes its part of the wait at random', async () => {
    await start({ jitter: 1 });
    harness.send(GET);
    harness.reply(BAD);
    harness.advance(99);
    expect(requests()).toHaveLength(2);
  });

  test('the last answer passes on when no retry is left, and is flagged', async () => {
    await start({ maxRetries: 1 });
    const client = harness.send(GET);
    harness.reply(BAD);
    harness.advance(100);
    harness.reply(BAD);
    expect(parseAnswer(client.received)).toMatchObject({ status: 503, body: 'bad' });
    expect(harness.seen).toMatchObject([{ status: 503, flag: 'URX', tries: 2 }]);
    expect(harness.cluster.stats.rqRetryLimitExceeded).toBe(1);
  });

  test.each<[string, Partial<RetryConfig['on']>, string, boolean]>([
    ['gateway-error on 503', { gatewayError: true }, '503 X', true],
    ['gateway-error on 500', { gatewayError: true }, '500 X', false],
    ['5xx on 500', { serverError: true }, '500 X', true],
    ['5xx on 404', { serverError: true }, '404 X', false],
    ['retriable-4xx on 409', { retriable4xx: true }, '409 X', true],
    ['a listed status', { statusCodes: new Set([429]) }, '429 X', true],
    ['reset on 503', { reset: true }, '503 X', false],
  ])('%s: %j', async (_what, on, status, retried) => {
    await start({ on: { ...NEVER, ...on } });
    harness.send(GET);
    harness.reply(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
    harness.advance(100);
    expect(requests()).toHaveLength(retried ? 2 : 1);
  });

  test('a connection that fails, one that is reset, and an invalid answer', async () => {
    await start({});
    harness.transport.autoConnect = false;
    const client = harness.send(GET);
    harness.transport.last.deliverReset('connect_failed');
    harness.transport.autoConnect = true;
    harness.advance(100);
    harness.transport.last.deliverReset();
    harness.advance(200);
    harness.reply('nonsense\r\n\r\n');
    harness.advance(400);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
    expect(harness.transport.connected).toHaveLength(4);
    expect(harness.cluster.connections).toBe(1);
    expect(harness.cluster.activeRequests).toBe(0);
  });

  test('a retry for which no host is left is no retry in flight any more', async () => {
    await start({});
    const client = harness.send(GET);
    harness.reply(BAD);
    await harness.proxy.apply(harness.snapshot({ routes: [routeConfig(actionConfig({ retry: retryConfig({}) }))], ports: [] }));
    harness.advance(100);
    expect(parseAnswer(client.received).status).toBe(503);
    expect(harness.seen).toMatchObject([{ flag: 'UH' }]);
    expect(harness.cluster).toMatchObject({ activeRequests: 0, activeRetries: 0 });
  });

  test.each([['connect_failed', 'UF', 503, 'upstream_connection_failure'], ['reset', 'UC', 503, 'upstream_reset_before_response_started']] as const)(
    'without a policy, %s becomes an answer', async (reason, flag, status, detail) => {
      await start(undefined);
      harness.transport.autoConnect = reason === 'reset';
      const client = harness.send(GET);
      harness.transport.last.deliverReset(reason);
      const answer = parseAnswer(client.received);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject({ service: 'payment', detail });
      expect(answer.body).not.toMatch(/127\.|9001/);
      expect(harness.seen).toMatchObject([{ status, flag, detail }]);
    });

  test('a body is kept for another try up to its bound, and sent only once beyond', async () => {
    await start({ maxReplayBytes: 10 });
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234');
    harness.send('56789', client);
    harness.reply(BAD);
    harness.advance(100);
    expect(harness.transport.last.received.match(/\r\n\r\n0123456789/g)).toHaveLength(2);
    harness.reply(OK);
    client.takeReceived();
    harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n01234567890', client);
    harness.reply(BAD);
    expect(parseAnswer(client.received).status).toBe(503);
  });

  test('a try that fails while the body still comes is made again with what there is, and the rest follows', async () => {
    await start({});
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc');
    harness.transport.last.deliverReset();
    harness.send('de', client);
    harness.advance(100);
    harness.send('f', client);
    expect(harness.transport.last.received).toMatch(/\r\n\r\nabcdef$/);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });

  test('never after the answer has begun', async () => {
    await start({});
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
    harness.transport.last.deliverReset();
    harness.advance(10_000);
    expect(requests()).toHaveLength(1);
    expect(client.wasReset).toBe(true);
  });

  test('Retry-After is waited for where it is longer, up to the bound', async () => {
    await start({ on: { ...NEVER, statusCodes: new Set([429]) }, rateLimitedMaxInterval: 5000 });
    harness.send(GET);
    harness.reply('HTTP/1.1 429 X\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n');
    harness.advance(1999);
    expect(requests()).toHaveLength(1);
    harness.advance(1);
    expect(requests()).toHaveLength(2);
    harness.reply('HTTP/1.1 429 X\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n');
    harness.advance(5000);
    expect(requests()).toHaveLength(3);
  });

  test('another host is tried where there is one', async () => {
    await start({ avoidPreviousHosts: true, hostSelectionAttempts: 3 }, { ports: [9001, 9002, 9003] });
    harness.send(GET);
    for (const wait of [100, 200]) {
      harness.reply(BAD);
      harness.advance(wait);
    }
    expect(new Set(harness.transport.connected.map(({ port }) => port)).size).toBe(3);
  });

  test('the budget bounds retries over all requests', async () => {
    await start({}, { cluster: { retryBudget: { percent: 20, minConcurrency: 1 } } });
    const first = harness.send(GET);
    const second = harness.send(GET);
    const [one, two] = harness.transport.connected;
    harness.reply(BAD, one);
    harness.advance(100);
    harness.reply(BAD, two);
    expect(parseAnswer(second.received)).toMatchObject({ status: 503, body: 'bad' });
    expect(harness.cluster.stats.rqRetryOverflow).toBe(1);
    harness.reply(OK, one);
    expect(parseAnswer(first.received).status).toBe(200);
  });
});

describe('a pooled connection that was closed meanwhile', () => {
  async function reuse(request: string, retry?: Partial<RetryConfig>): Promise<MemoryConnection> {
    await start(retry);
    const client = harness.send(GET);
    harness.reply(OK);
    client.takeReceived();
    harness.send(request, client);
    expect(harness.transport.connected).toHaveLength(1);
    harness.transport.last.deliverReset();
    harness.transport.settle();
    return client;
  }

  test('an idempotent request goes out again on a new one, as the same try', async () => {
    const client = await reuse(GET);
    expect(harness.transport.connected).toHaveLength(2);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
    expect(harness.seen[1]).toMatchObject({ tries: 1, status: 200 });
    expect(harness.cluster.stats.rqTotal).toBe(2);
  });

  test('nor where the policy says which requests may go twice, and this is none of them', async () => {
    const onlyHead = { kind: 'exact', value: 'HEAD', ignoreCase: false } as const;
    const client = await reuse(GET, { requestMatches: [{ name: ':method', match: onlyHead, invert: false }] });
    expect(harness.transport.connected).toHaveLength(1);
    expect(parseAnswer(client.received).status).toBe(503);
  });

  test('another is not sent twice unless the policy says so', async () => {
    const client = await reuse('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi');
    expect(harness.transport.connected).toHaveLength(1);
    expect(parseAnswer(client.received).status).toBe(503);
  });

  test('nor one that was answered in part, nor on a connection that was new', async () => {
    await start(undefined);
    const client = harness.send(GET);
    harness.reply(OK);
    client.takeReceived();
    harness.send(GET, client);
    harness.reply('HTTP/1.1 2');
    harness.transport.last.deliverReset();
    harness.transport.settle();
    expect(parseAnswer(client.received).status).toBe(503);
    harness.send(GET, client);
    harness.transport.last.deliverReset();
    harness.transport.settle();
    expect(harness.transport.connected).toHaveLength(2);
  });

  test('one that ends while idle is not used again', async () => {
    await start(undefined);
    const client = harness.send(GET);
    harness.reply(OK);
    harness.transport.last.deliverEnd();
    expect(harness.cluster.connections).toBe(0);
    harness.send(GET, client);
    expect(harness.transport.connected).toHaveLength(2);
  });
});
