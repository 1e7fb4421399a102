import fc from 'fast-check';
import { actionConfig, retryConfig, routeConfig } from '../support/config';
import { Harness } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const REQUESTS = [
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'HEAD / HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: v\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  'nonsense\r\n\r\n',
];
const ANSWERS = [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno',
  'HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n',
  'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  'rubbish\r\n\r\n',
];

type Step =
  | { readonly kind: 'connect' | 'wait' | 'swap' }
  | { readonly kind: 'client' | 'upstream'; readonly who: number; readonly text: number; readonly cut: number }
  | { readonly kind: 'clientDoes' | 'upstreamDoes'; readonly who: number; readonly what: 'end' | 'reset' | 'stall' | 'drain' | 'connect' | 'fail' };

const cut = fc.constantFrom(1, 1, 1, 0.3, 0.7);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('connect' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('swap' as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('client' as const), who: fc.nat(5), text: fc.integer({ min: 0, max: 10_000 }), cut }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('upstream' as const), who: fc.nat(5), text: fc.integer({ min: 0, max: 10_000 }), cut }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('clientDoes' as const, 'upstreamDoes' as const), who: fc.nat(5),
      what: fc.constantFrom('end' as const, 'reset' as const, 'stall' as const, 'drain' as const, 'connect' as const, 'fail' as const),
    }),
  },
);

const settings = fc.record({
  autoConnect: fc.constantFrom(true, true, false),
  maxConnections: fc.constantFrom(1, 2, 100),
  maxPendingRequests: fc.constantFrom(0, 1, 100),
  perTryTimeout: fc.constantFrom(0, 70),
  perTryIdleTimeout: fc.constantFrom(0, 60),
  breaker: fc.boolean(),
  advance: fc.constantFrom(10, 50, 400),
});

function act(connection: MemoryConnection | undefined, what: string): void {
  if (connection === undefined) return;
  switch (what) {
    case 'end': return connection.deliverEnd();
    case 'reset': return connection.deliverReset();
    case 'stall': connection.stalled = true; return;
    case 'drain': return connection.drain();
  }
}

test('whatever clients, upstreams, time and configuration do: every request ends once, and nothing is left of any', async () => {
  const ended = new Map<string, number>();
  await fc.assert(fc.asyncProperty(settings, fc.array(step, { minLength: 5, maxLength: 60 }), async (given, steps) => {
    const { maxConnections, maxPendingRequests, perTryTimeout, perTryIdleTimeout } = given;
    const retry = retryConfig({ maxRetries: 2, baseInterval: 20, perTryTimeout, perTryIdleTimeout, avoidPreviousHosts: true });
    const options = (n: number) => ({
      listener: { streamIdleTimeout: 500, idleTimeout: 2000, requestHeadersTimeout: 300, requestTimeout: 420, serverName: `s${n}` },
      routes: [routeConfig(actionConfig({ timeout: 450, retry }))],
      cluster: {
        connectTimeout: 100, idleTimeout: 300, limits: { maxConnections, maxPendingRequests, maxRequests: 20, maxRetries: 2 },
        breaker: given.breaker ? { kind: 'consecutive_failures' as const, failures: 3, cooldown: 200 } : undefined,
      },
      ports: n % 3 === 2 ? [9002] : n % 3 === 1 ? [9001, 9002] : [9001],
    });
    const harness = await Harness.start(options(0));
    const { transport, manager } = harness;
    transport.autoConnect = given.autoConnect;
    const clients: MemoryConnection[] = [harness.client()];
    const connecting = new Set<MemoryConnection>();
    const rest = new Map<MemoryConnection, string>();
    let swaps = 0;
    for (const each of steps) {
      const alive = (list: readonly MemoryConnection[], who: number) => {
        const open = list.filter(({ closed }) => !closed);
        return open[who % Math.max(1, open.length)];
      };
      switch (each.kind) {
        case 'connect':
          clients.push(harness.client());
          break;
        case 'wait':
          harness.advance(given.advance);
          break;
        case 'swap':
          await harness.proxy.apply(harness.snapshot(options(++swaps)));
          break;
        case 'client':
        case 'upstream': {
          const texts = each.kind === 'client' ? REQUESTS : ANSWERS;
          const text = texts[each.text % texts.length];
          const target = alive(each.kind === 'client' ? clients : transport.connected, each.who);
          if (target === undefined || (each.kind === 'upstream' && target.writes.length === 0)) break;
          // What was cut off last time comes before anything new.
          const all = rest.get(target) ?? text;
          const at = Math.ceil(each.cut * all.length);
          if (at < all.length) rest.set(target, all.slice(at));
          else rest.delete(target);
          target.deliver(all.slice(0, at));
          break;
        }
        case 'clientDoes':
          act(alive(clients, each.who), each.what);
          break;
        case 'upstreamDoes': {
          const target = alive(transport.connected, each.who);
          if (target === undefined) break;
          const isNew = !given.autoConnect && !connecting.has(target) && target.writes.length === 0;
          if (isNew) connecting.add(target);
          if (isNew && each.what === 'fail') target.deliverReset('connect_failed');
          else if (isNew) target.connect();
          else act(target, each.what);
        }
      }
      transport.settle();
    }
    // All that is under way runs into some bound.
    for (let i = 0; i < 20; i++) harness.advance(500);
    for (const client of clients) client.drain();
    for (let i = 0; i < 8; i++) harness.advance(500);
    const { cluster } = harness;
    const { stats } = manager;
    const { rqActive, cxActive, upgradeActive } = stats;
    expect({ rqActive, cxActive, upgradeActive }).toEqual({ rqActive: 0, cxActive: 0, upgradeActive: 0 });
    expect(harness.seen).toHaveLength(stats.rqTotal);
    expect(stats.rqByClass.reduce((sum, n) => sum + n, 0)).toBe(stats.rqTotal);
    const { activeRequests, activeRetries, pending, connections } = cluster;
    expect({ activeRequests, activeRetries, pending, connections }).toEqual({ activeRequests: 0, activeRetries: 0, pending: 0, connections: 0 });
    expect(cluster.hosts().every(({ active }) => active === 0)).toBe(true);
    expect(transport.connected.every(({ closed }) => closed)).toBe(true);
    for (const { detail } of harness.seen) ended.set(detail, (ended.get(detail) ?? 0) + 1);
    await harness.close();
    expect(harness.clock.timers).toBe(0);
  }), { numRuns: 1500, seed: 21 });
  // It went through many ends, not only the plain ones.
  expect([...ended.keys()].sort()).toEqual(expect.arrayContaining([
    'circuit_open', 'downstream_remote_disconnect', 'http1_codec_error', 'overflow', 'request_header_timeout', 'response_timeout', 'stream_idle_timeout',
    'upstream_connection_timeout', 'upstream_per_try_timeout', 'upstream_reset_after_response_started', 'via_upstream',
  ]));
}, 60_000);
