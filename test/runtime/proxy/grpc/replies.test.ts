import type { RouteActionConfig } from '../../../../runtime/proxy/config/types';
import { NEVER, actionConfig, clusterConfig, retryConfig, routeConfig } from '../support/config';
import { Harness, parseAnswer, type HarnessOptions } from '../support/harness';

const CALL = 'POST /shop.v1.Quotes/Get HTTP/1.1\r\nhost: quotes\r\ncontent-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0';
const trailersOnly = (status: number): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ${status}\r\ncontent-length: 0\r\n\r\n`;

let harness: Harness;
afterEach(async () => harness.close());
async function start(action: Partial<RouteActionConfig> = {}, options: HarnessOptions = {}): Promise<void> {
  harness = await Harness.start({ routes: [routeConfig(actionConfig(action))], ...options });
}

/** grpc-timeout as the upstream of the last try sees it. */
function timeoutSent(): string | undefined {
  return /^grpc-timeout: (.*)\r$/m.exec(harness.transport.last.received)?.[1];
}

test('an error is 200 with status and message in the head, for a call; anything else gets its problem document', async () => {
  await start({}, { cluster: { limits: { maxConnections: 0, maxPendingRequests: 0, maxRequests: 0, maxRetries: 0 } } });
  const call = parseAnswer(harness.send(CALL).received);
  expect(call).toMatchObject({
    status: 200, body: '',
    headers: { 'content-type': 'application/grpc', 'content-length': '0', 'grpc-status': '14', 'grpc-message': 'The bulkhead of payment is full' },
  });
  expect(parseAnswer(harness.send(CALL.replace('application/grpc', 'application/grpc-web')).received)).toMatchObject({
    status: 503, headers: { 'content-type': 'application/problem+json' },
  });
  expect(harness.seen).toMatchObject([{ status: 200, flag: 'UO', detail: 'overflow' }, { status: 503, flag: 'UO' }]);
});

test('no route, a filter that refuses, an answer of the configuration', async () => {
  const refuse = {
    kind: 'local_ratelimit' as const, name: 'limit', config: {
      statPrefix: 'limit', statusCode: 429, headers: false, responseHeaders: { remove: [], set: [], append: [] }, resourceExhausted: true, enforcedPercent: 100,
      buckets: [{ name: 'limit', maxTokens: 1, tokensPerFill: 1, fillInterval: 60_000, key: undefined, maxKeys: 1 }],
    },
  };
  const direct = routeConfig({ kind: 'direct', statusCode: 503, body: Buffer.from('gone for 1 %') });
  harness = await Harness.start({ routes: [direct], listener: { filters: [refuse] } });
  expect(parseAnswer(harness.send(CALL).received).headers).toMatchObject({ 'grpc-status': '14', 'grpc-message': 'gone for 1 %25' });
  expect(parseAnswer(harness.send(CALL).received).headers).toMatchObject({ 'grpc-status': '8', 'retry-after': '60' });
  await harness.close();
  await start({}, { routes: [] });
  expect(parseAnswer(harness.send(CALL).received).headers).toMatchObject({ 'grpc-status': '12', 'grpc-message': 'No route matches the request' });
});

describe('the deadline of a call', () => {
  const maxDuration = { duration: 0, grpcTimeoutMax: 0, grpcTimeoutOffset: 0 };
  const within = (timeout: string): string => CALL.replace('content-length', `grpc-timeout: ${timeout}\r\ncontent-length`);

  test('what is left goes on, at every try, and ends it with DEADLINE_EXCEEDED', async () => {
    const retry = retryConfig({ on: { ...NEVER, grpcStatuses: new Set([14]) }, baseInterval: 300, maxInterval: 300 });
    await start({ maxDuration, retry });
    const client = harness.send(within('1S'));
    expect(timeoutSent()).toBe('00001000m');
    harness.advance(200);
    harness.reply(trailersOnly(14));
    harness.advance(300);
    expect(harness.transport.last.takeReceived().match(/grpc-timeout: \d+\w/g)).toEqual(['grpc-timeout: 00001000m', 'grpc-timeout: 00000500m']);
    harness.advance(499);
    expect(client.received).toBe('');
    harness.advance(1);
    expect(parseAnswer(client.received).headers).toMatchObject({ 'grpc-status': '4' });
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'DT', detail: 'max_duration_timeout', tries: 2 }]);
    expect(harness.manager.stats.rqMaxDuration).toBe(1);
  });

  test.each<[string, Partial<RouteActionConfig>, string, string | undefined]>([
    ['the smaller of both', { maxDuration, timeout: 400 }, '1S', '00000400m'],
    ['the smaller of both', { maxDuration, timeout: 4000 }, '1S', '00001000m'],
    ['the most that the route lets a call ask for', { maxDuration: { ...maxDuration, grpcTimeoutMax: 700 } }, '1S', '00000700m'],
    ['earlier by the offset', { maxDuration: { ...maxDuration, grpcTimeoutOffset: 50 } }, '1S', '00000950m'],
    ['an offset that leaves nothing is none', { maxDuration: { ...maxDuration, grpcTimeoutOffset: 1000 } }, '1S', '00001000m'],
    ['as it is where it is no timeout', { maxDuration, timeout: 0 }, '1x', '1x'],
    ['as it is where the route does not listen', { timeout: 100 }, '1S', '1S'],
  ])('%s', async (_what, action, asked, sent) => {
    await start(action);
    harness.send(within(asked));
    expect(timeoutSent()).toBe(sent);
    expect(harness.transport.last.received.match(/grpc-timeout/g)).toHaveLength(1);
    expect(harness.transport.last.received).toMatch(/\r\n\r\n\0\0\0\0\0$/);
  });

  test('a call that says nothing has the route\'s', async () => {
    await start({ maxDuration: { ...maxDuration, duration: 250 }, timeout: 0 });
    const client = harness.send(CALL);
    expect(timeoutSent()).toBe('00000250m');
    harness.advance(250);
    expect(parseAnswer(client.received).headers['grpc-status']).toBe('4');
  });

  test('no time at all goes nowhere; other requests do not have such a header', async () => {
    await start({ maxDuration });
    expect(parseAnswer(harness.send(within('0m')).received).headers['grpc-status']).toBe('4');
    expect(harness.transport.connected).toHaveLength(0);
    harness.send(within('1m').replace('application/grpc', 'text/plain'));
    expect(timeoutSent()).toBe('1m');
    harness.advance(10);
    expect(harness.seen).toHaveLength(1);
  });

  test('an answer under way is broken off', async () => {
    await start({ maxDuration });
    const client = harness.send(within('1S'));
    harness.reply('HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
    harness.advance(1000);
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'DT' }]);
  });
});

describe('how a call ended', () => {
  test.each([[14, true], [13, true], [1, true], [4, true], [8, true], [0, false], [5, false], [2, false]])('status %d is tried again: %s', async (status, retried) => {
    await start({ retry: retryConfig({ on: { ...NEVER, grpcStatuses: new Set([1, 4, 8, 13, 14]) }, maxRetries: 1 }) });
    const client = harness.send(CALL);
    harness.reply(trailersOnly(status));
    expect(client.received === '').toBe(retried);
    if (!retried) return;
    harness.advance(100);
    harness.reply(trailersOnly(0));
    expect(parseAnswer(client.received).headers['grpc-status']).toBe('0');
    expect(harness.cluster.stats).toMatchObject({ rqRetry: 1, rqRetrySuccess: 1 });
  });

  test('5xx does not mean a status of gRPC', async () => {
    await start({ retry: retryConfig({ on: { ...NEVER, serverError: true } }) });
    const client = harness.send(CALL);
    harness.reply(trailersOnly(14));
    expect(parseAnswer(client.received).headers['grpc-status']).toBe('14');
  });

  test('breakers and outlier detection count it', async () => {
    const outlierDetection = {
      consecutive5xx: 2, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 0, splitExternalLocalOriginErrors: false, interval: 10_000,
      baseEjectionTime: 30_000, maxEjectionTime: 300_000, maxEjectionPercent: 100, alwaysEjectOneHost: true,
    };
    await start({}, { cluster: clusterConfig({ outlierDetection: outlierDetection as never, breaker: { kind: 'consecutive_failures', failures: 3, cooldown: 1000 } }) });
    for (const status of [14, 5, 14, 14]) {
      harness.send(CALL);
      harness.reply(trailersOnly(status));
    }
    expect(harness.cluster.stats).toMatchObject({ outlierEjections: 1 });
  });

  test('what is no call has none', async () => {
    await start({ retry: retryConfig({ on: { ...NEVER, grpcStatuses: new Set([14]) } }) });
    const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    harness.reply(trailersOnly(14));
    expect(parseAnswer(client.received).headers['grpc-status']).toBe('14');
  });
});
