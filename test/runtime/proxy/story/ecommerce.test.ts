import * as http from 'node:http';
import type { ProxySnapshot } from '../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, NO_HEADERS, retryConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { copyRecord, type Seen } from '../support/harness';
import { Upstream, ask } from '../support/sockets';

/** Deterministic, uniform enough for ±1 % of 10,000. */
function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('the e-commerce mesh, %s transport', (_name, createTransport) => {
  let clock: EventClock;
  let proxy: Proxy;
  let agent: http.Agent;
  let seen: Seen[];
  let upstreams: Upstream[];

  beforeEach(() => {
    clock = new EventClock();
    seen = [];
    upstreams = [];
    const observer = { requestEnded: (record: RequestRecord) => seen.push(copyRecord(record)) };
    proxy = new Proxy({ clock, transport: createTransport(), random: mulberry32(1), observer });
    agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  });

  afterEach(async () => {
    agent.destroy();
    await proxy.close();
    for (const each of upstreams) await each.kill();
  });

  async function upstream(handler: http.RequestListener): Promise<Upstream> {
    upstreams.push(await Upstream.start(handler));
    return upstreams[upstreams.length - 1];
  }

  async function start(config: ProxySnapshot): Promise<number> {
    await proxy.apply(config);
    return proxy.listeners.get('ingress')!.port;
  }

  test('payment fails → retries after 100, 200, 400 ms → open after 5 failures → fail fast → after 30 s exactly one probe → closed', async () => {
    let healthy = false;
    const held: http.ServerResponse[] = [];
    const payment = await upstream((_request, response) => {
      if (healthy) held.push(response);
      else response.writeHead(503).end('down');
    });
    const port = await start(snapshot(
      listenerConfig(),
      routeTable([routeConfig(actionConfig({ retry: retryConfig({ maxRetries: 3, baseInterval: 100, maxInterval: 400 }), timeout: 2000 }))]),
      [[clusterConfig({ breaker: { kind: 'consecutive_failures', failures: 5, cooldown: 30_000 } }), [payment.port]]],
    ));
    const cluster = proxy.clusters.get('payment')!;

    // Four failures: the first try and three retries, at their times.
    const first = ask(port, '/pay/1', { agent });
    const times = [0];
    for (const wait of [100, 200, 400]) {
      await clock.timerOf(wait);
      const before = payment.requests.length;
      clock.advance(wait - 1);
      expect(payment.requests).toHaveLength(before);
      clock.advance(1);
      await payment.seen(before + 1);
      times.push(clock.now());
    }
    expect(times).toEqual([0, 100, 300, 700]);
    expect(await first).toMatchObject({ status: 503, body: 'down' });
    expect(seen[0]).toMatchObject({ tries: 4, status: 503, flag: 'URX' });
    expect(cluster.breakerState).toBe('closed');

    // The fifth failure opens the breaker; its own retry would be refused, so the answer passes on.
    expect(await ask(port, '/pay/2', { agent })).toMatchObject({ status: 503, body: 'down' });
    expect(cluster.breakerState).toBe('open');
    expect(payment.requests).toHaveLength(5);

    // Callers fail fast, and are told why.
    const refused = await ask(port, '/pay/3', { agent });
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('30');
    expect(JSON.parse(refused.body)).toEqual({
      type: 'https://meshwright.dev/problems/circuit-open',
      status: 503,
      policy: 'circuit-breaker',
      service: 'payment',
      title: 'The circuit breaker of payment is open after too many failures',
      detail: 'circuit_open',
    });
    expect(payment.requests).toHaveLength(5);
    clock.advance(29_999);
    expect((await ask(port, '/pay/4', { agent })).headers['retry-after']).toBe('1');

    // After the cooldown exactly one of many is let through.
    healthy = true;
    clock.advance(1);
    const probe = ask(port, '/pay/5', { agent });
    await payment.seen(6);
    expect(cluster.breakerState).toBe('half_open');
    const others = await Promise.all([6, 7, 8, 9].map(async (n) => ask(port, `/pay/${n}`, { agent })));
    expect(others.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
    expect(payment.requests).toHaveLength(6);
    held[0].end('paid');
    expect(await probe).toMatchObject({ status: 200, body: 'paid' });
    expect(cluster.breakerState).toBe('closed');
    const after = ask(port, '/pay/10', { agent });
    await payment.seen(7);
    held[1].end('paid');
    expect(await after).toMatchObject({ status: 200, body: 'paid' });
    expect(cluster.activeRequests).toBe(0);
    expect(cluster.stats).toMatchObject({ breakerOpened: 1, breakerHalfOpened: 1, breakerClosed: 1, rqRetry: 3, rqCircuitOpen: 6 });
    expect(seen).toHaveLength(10);
  });

  test('canary 95/5 within 1 % of 10,000, and the same version for the same user', async () => {
    const v1 = await upstream((_request, response) => response.end('v1'));
    const v2 = await upstream((_request, response) => response.end('v2'));
    const weighted = (cluster: string, weight: number) => ({ cluster, weight, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS });
    const sticky = actionConfig({
      clusters: [weighted('payment', 95), weighted('payment-v2', 5)],
      clusterByHash: true,
      hash: [{ key: { kind: 'header', name: 'x-user' }, terminal: true }],
    });
    const port = await start(snapshot(listenerConfig(), routeTable([routeConfig(sticky)]), [
      [clusterConfig(), [v1.port]], [clusterConfig({ name: 'payment-v2' }), [v2.port]],
    ]));
    const answers = new Map<string, string>();
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < 10_000) {
        const user = `user-${next++}`;
        answers.set(user, (await ask(port, '/', { agent, headers: { 'x-user': user } })).body);
      }
    };
    await Promise.all(Array.from({ length: 32 }, work));
    const canary = [...answers.values()].filter((version) => version === 'v2').length;
    expect(canary).toBeGreaterThanOrEqual(400);
    expect(canary).toBeLessThanOrEqual(600);
    for (const user of [...answers.keys()].filter((_, i) => i % 200 === 0)) {
      expect((await ask(port, '/', { agent, headers: { 'x-user': user } })).body).toBe(answers.get(user));
    }
    expect(v2.requests.length).toBeGreaterThanOrEqual(canary);
  }, 30_000);

  test('a rate limit admits its number, and says when there is more', async () => {
    const payment = await upstream((_request, response) => response.end('ok'));
    const port = await start(snapshot(
      listenerConfig({
        filters: [{
          kind: 'local_ratelimit',
          name: 'limit',
          config: {
            statPrefix: 'limit',
            statusCode: 429,
            headers: true,
            responseHeaders: NO_HEADERS,
            enforcedPercent: 100,
            buckets: [{ name: 'payment', maxTokens: 500, tokensPerFill: 500, fillInterval: 1000, key: undefined, maxKeys: 1 }],
          },
        }],
      }),
      routeTable([routeConfig(actionConfig())]),
      [[clusterConfig(), [payment.port]]],
    ));
    const statuses: number[] = [];
    let refused: Awaited<ReturnType<typeof ask>> | undefined;
    let left = 700;
    await Promise.all(Array.from({ length: 32 }, async () => {
      while (left-- > 0) {
        const answer = await ask(port, '/', { agent });
        statuses.push(answer.status);
        if (answer.status === 429) refused = answer;
      }
    }));
    expect(statuses.filter((status) => status === 200)).toHaveLength(500);
    expect(statuses.filter((status) => status === 429)).toHaveLength(200);
    expect(payment.requests).toHaveLength(500);
    expect(JSON.parse(refused!.body)).toMatchObject({ policy: 'rate-limit', status: 429 });
    expect(Number(refused!.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    clock.advance(1000);
    expect((await ask(port, '/', { agent })).status).toBe(200);
  }, 20_000);

  test('under load: a new configuration drops nothing, whatever it changes', async () => {
    const blue = await upstream((request, response) => request.resume().on('end', () => response.end('blue')));
    const green = await upstream((request, response) => request.resume().on('end', () => response.end('green')));
    const config = (port: number, n: number): ProxySnapshot => snapshot(
      listenerConfig({ maxRequestHeadBytes: 16_384 + n }),
      routeTable([routeConfig(actionConfig({ timeout: 10_000 + n }), { name: `r${n}` })]),
      n % 3 === 2
        ? [[clusterConfig({ connectTimeout: 1000 + n }), [port]], [clusterConfig({ name: `other-${n}` }), [port]]]
        : [[clusterConfig({ connectTimeout: 1000 + n }), [port]]],
    );
    const port = await start(config(blue.port, 0));
    let running = true;
    const bodies = { blue: 0, green: 0 };
    const work = async (): Promise<void> => {
      while (running) {
        const { status, body } = await ask(port, '/x', { agent, method: 'POST' }, 'y'.repeat(1000));
        expect(status).toBe(200);
        bodies[body as 'blue']++;
      }
    };
    const workers = Array.from({ length: 16 }, work);
    await blue.seen(20);
    for (let n = 1; n <= 30; n++) {
      const target = n % 2 ? green : blue;
      await proxy.apply(config(target.port, n));
      await target.seen(target.requests.length + 20);
    }
    running = false;
    await Promise.all(workers);
    expect(bodies.blue).toBeGreaterThan(100);
    expect(bodies.green).toBeGreaterThan(100);
    expect(proxy.listeners.get('ingress')!.port).toBe(port);
    expect(seen.every(({ status, flag }) => status === 200 && flag === undefined)).toBe(true);
    expect(new Set(seen.map(({ routeName }) => routeName)).size).toBe(31);
  }, 20_000);

  test('under load: an endpoint is killed, and nobody notices where the policy covers it', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(async () => upstream((_request, response) => response.end('ok'))));
    const port = await start(snapshot(
      listenerConfig(),
      routeTable([routeConfig(actionConfig({
        retry: retryConfig({ maxRetries: 3, baseInterval: 1, maxInterval: 1, avoidPreviousHosts: true, hostSelectionAttempts: 3 }),
      }))]),
      [[clusterConfig({
        outlierDetection: {
          consecutive5xx: 5,
          consecutiveGatewayFailure: 0,
          consecutiveLocalOriginFailure: 3,
          splitExternalLocalOriginErrors: true,
          interval: 10_000,
          baseEjectionTime: 30_000,
          maxEjectionTime: 300_000,
          maxEjectionPercent: 50,
          alwaysEjectOneHost: true,
        },
      }), [one.port, two.port, three.port]]],
    ));
    let running = true;
    let answered = 0;
    const work = async (): Promise<void> => {
      while (running) {
        const { status } = await ask(port, '/', { agent });
        expect(status).toBe(200);
        answered++;
      }
    };
    const workers = Array.from({ length: 16 }, work);
    await one.seen(100);
    // Retries wait on virtual time: it moves whenever one is due.
    const ticking = (async () => {
      while (running) {
        await Promise.race([clock.timerOf(1), Promise.all(workers)]);
        clock.advance(1);
      }
    })();
    await two.kill();
    upstreams.splice(upstreams.indexOf(two), 1);
    await one.seen(one.requests.length + 500);
    running = false;
    await Promise.all(workers);
    await ticking;
    expect(answered).toBe(seen.length);
    expect(seen.every(({ status }) => status === 200)).toBe(true);
    const { stats } = proxy.clusters.get('payment')!;
    expect(stats.cxConnectFail + stats.cxDestroyWithActiveRq).toBeGreaterThan(0);
    expect(stats.outlierEjections).toBe(1);
  }, 20_000);
});
