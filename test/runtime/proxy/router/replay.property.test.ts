import fc from 'fast-check';
import type { RetryConfig } from '../../../../runtime/proxy/config/types';
import { actionConfig, NEVER, retryConfig, routeConfig } from '../support/config';
import { Harness, OK } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

/*
 * A request that failed after its first byte had reached an upstream is sent again only where a policy declared it safe: by a retry policy that admits
 * it, or, once, where HTTP itself does: an idempotent request on a kept connection that the upstream closed without a word (RFC 9110 §9.2.2).
 */

const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'POST', 'PATCH', 'PURGE'] as const;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** When the upstream's connection fails. */
const POINTS = ['before a byte', 'in the head', 'in the body', 'sent whole', 'after an interim answer', 'in the answer\'s head', 'in the answer\'s body'] as const;
type Point = (typeof POINTS)[number];

interface Case {
  readonly method: (typeof METHODS)[number];
  readonly hasBody: boolean;
  readonly point: Point;
  readonly how: 'reset' | 'end' | 'rubbish';
  /** The connection has served another request before. */
  readonly kept: boolean;
  readonly policy: 'none' | 'connect-failure' | 'reset' | 'reset of GET' | 'gateway-error';
}

const cases: fc.Arbitrary<Case> = fc.record({
  method: fc.constantFrom(...METHODS),
  hasBody: fc.boolean(),
  point: fc.constantFrom(...POINTS),
  how: fc.constantFrom('reset' as const, 'end' as const, 'rubbish' as const),
  kept: fc.boolean(),
  policy: fc.constantFrom('none' as const, 'connect-failure' as const, 'reset' as const, 'reset of GET' as const, 'gateway-error' as const),
});

function retryOf(policy: Case['policy']): RetryConfig | undefined {
  switch (policy) {
    case 'none': return undefined;
    case 'connect-failure': return retryConfig({ on: { ...NEVER, connectFailure: true, refusedStream: true } });
    case 'gateway-error': return retryConfig({ on: { ...NEVER, gatewayError: true } });
    case 'reset': return retryConfig({ on: { ...NEVER, reset: true } });
    case 'reset of GET': return retryConfig({
      on: { ...NEVER, reset: true }, requestMatches: [{ name: ':method', match: { kind: 'exact', value: 'GET', ignoreCase: false }, invert: false }],
    });
  }
}

const MARK = 'x-marked: 1';
const timesSent = (connections: readonly MemoryConnection[]): number =>
  connections.reduce((sum, { received }) => sum + received.split(MARK).length - 1, 0);

test('a request is sent again only where that is declared safe', async () => {
  const seen = new Map<string, number>();
  await fc.assert(fc.asyncProperty(cases, async ({ method, hasBody, point, how, kept, policy }) => {
    const harness = await Harness.start({ routes: [routeConfig(actionConfig({ retry: retryOf(policy) }))] });
    const { transport } = harness;
    const client = harness.client();
    if (kept) {
      harness.send('GET /first HTTP/1.1\r\nhost: a\r\n\r\n', client);
      harness.reply(OK);
      client.takeReceived();
    } else {
      transport.autoConnect = point !== 'before a byte';
    }
    const withBody = hasBody || point === 'in the body';
    const message = `${method} /x HTTP/1.1\r\nhost: a\r\n${MARK}\r\n${withBody ? 'content-length: 5\r\n' : ''}\r\n`;
    harness.send(point === 'in the body' ? `${message}he` : `${message}${withBody ? 'hello' : ''}`, client);
    const upstream = transport.last;
    const wasSent = timesSent([upstream]) > 0;
    transport.autoConnect = true;
    if (point === 'after an interim answer') harness.reply('HTTP/1.1 102 Processing\r\n\r\n', upstream);
    if (point === 'in the answer\'s head') harness.reply('HTTP/1.1 200 OK\r\nx: ', upstream);
    if (point === 'in the answer\'s body') harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc', upstream);
    const silent = point === 'before a byte' || point === 'in the head' || point === 'in the body' || point === 'sent whole';
    if (!wasSent) upstream.deliverReset('connect_failed');
    else if (how === 'reset') upstream.deliverReset();
    else if (how === 'end') upstream.deliverEnd();
    else harness.reply('rubbish\r\n\r\n', upstream);
    transport.settle();
    harness.advance(2000);
    const again = timesSent(transport.connected) - (wasSent ? 1 : 0);
    // A connection that breaks is a gateway's error, too, as Envoy has it.
    const byPolicy = policy === 'reset' || policy === 'gateway-error' || (policy === 'reset of GET' && method === 'GET');
    const started = point === 'in the answer\'s body';
    const byHttp = kept && silent && wasSent && how !== 'rubbish' && IDEMPOTENT.has(method) && (policy !== 'reset of GET' || method === 'GET');
    // What is safe goes out no more often than was said: HTTP's once, and the policy's three.
    const most = !wasSent ? 4 : (byHttp ? 1 : 0) + (byPolicy ? 3 : 0);
    expect(again).toBeLessThanOrEqual(started ? 0 : most);
    const key = `${again > 0 ? 'again' : 'once'} ${policy === 'none' ? 'without policy' : 'with policy'}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    client.deliverReset();
    await harness.close();
    expect(harness.clock.timers).toBe(0);
  }), { numRuns: 1500, seed: 3 });
  expect([...seen.keys()].sort()).toEqual(['again with policy', 'again without policy', 'once with policy', 'once without policy']);
});
