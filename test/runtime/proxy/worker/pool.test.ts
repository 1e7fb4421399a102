import type { ClusterConfig, HttpFilterConfig, ProxySnapshot, TokenBucketConfig } from '../../../../runtime/proxy/config/types';
import { Families } from '../../../../runtime/proxy/observe/families';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot, type ListenerChanges } from '../support/config';
import { PoolHarness } from './support';

let harness: PoolHarness;
afterEach(async () => harness.pool.close());

const LOG = { path: '-', jsonFormat: new Map([['path', '%REQ(:PATH)%']]), filter: undefined } as unknown as ListenerChanges['accessLog'];

function shop(cluster: Partial<ClusterConfig> = {}, listener: ListenerChanges = {}, ports: number[] = [9001]): ProxySnapshot {
  return snapshot(listenerConfig({ port: 8080, ...listener }), routeTable([routeConfig(actionConfig())]), [[clusterConfig({ statName: 'payment', ...cluster }), ports]]);
}

async function stat(name: string): Promise<number | undefined> {
  const families = new Families();
  const pending = harness.pool.report();
  await harness.settle();
  families.mergeFrom((await pending).families);
  const line = families.stats().split('\n').find((text) => text.startsWith(`${name}: `));
  return line === undefined ? undefined : Number(line.slice(name.length + 2));
}

function rateLimit(bucket: Partial<TokenBucketConfig> = {}): HttpFilterConfig {
  return {
    kind: 'local_ratelimit',
    name: 'limit',
    config: {
      statPrefix: 'limit', statusCode: 429, headers: false, responseHeaders: { remove: [], set: [], append: [] }, enforcedPercent: 100,
      buckets: [{ name: 'all', maxTokens: 5, tokensPerFill: 5, fillInterval: 1_000, key: undefined, maxKeys: 16, ...bucket }],
    },
  };
}

describe('a snapshot', () => {
  test('is in force in every worker when apply resolves; port 0 is one port for all', async () => {
    harness = await PoolHarness.start(3);
    await harness.pool.apply(shop({}, { port: 0 }));
    const [{ port }] = harness.pool.listeners;
    expect(harness.threads.map(({ transport }) => transport.isListening(port))).toEqual([true, true, true]);
    for (const index of [0, 1, 2]) expect(harness.request(index, { port })).toBe('200');
  });

  test('that one worker cannot prepare is in force in none, and the one before goes on', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop());
    await harness.threads[1].transport.listen({ address: '127.0.0.1', port: 8081 }, () => undefined);
    const failure = await harness.pool.apply(shop({}, { port: 8081 })).then(() => undefined, (error: Error) => error);
    expect(failure!.message).toContain('listener ingress: cannot listen on 127.0.0.1:8081');
    expect(harness.threads[0].transport.isListening(8081)).toBe(false);
    expect(harness.request(0, { port: 8080 })).toBe('200');
    expect(harness.request(1, { port: 8080 })).toBe('200');
    await harness.pool.apply(shop({}, { port: 8082 }));
    expect(harness.request(1, { port: 8082 })).toBe('200');
  });

  test('keeps connections, counters and state of what it does not change', async () => {
    harness = await PoolHarness.start(2);
    const first = shop({ breaker: { kind: 'consecutive_failures', failures: 2, cooldown: 30_000 } });
    await harness.pool.apply(first);
    harness.request(0, { port: 8080, status: 500 });
    await harness.pool.apply({ ...first, listeners: new Map([['ingress', { ...first.listeners.get('ingress')!, direction: 'inbound' }]]) });
    harness.request(1, { port: 8080, status: 500 });
    expect(harness.request(0, { port: 8080 })).toBe('503');
    expect(await stat('cluster.payment.upstream_rq_total')).toBe(2);
  });
});

describe('what workers share', () => {
  test('max_requests bounds the pod', async () => {
    harness = await PoolHarness.start(2);
    const { limits } = clusterConfig();
    await harness.pool.apply(shop({ limits: { ...limits, maxRequests: 3 } }));
    const open = (index: number): string => {
      const client = harness.threads[index].transport.client(8080);
      client.deliver('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
      harness.threads[index].transport.settle();
      return client.received.slice(9, 12);
    };
    expect([open(0), open(0), open(1), open(1), open(0)]).toEqual(['', '', '', '503', '503']);
    expect(await stat('cluster.payment.upstream_rq_active')).toBe(3);
    expect(await stat('cluster.payment.circuit_breakers_default_rq_open')).toBe(1);
    harness.threads[1].transport.last.deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect(open(0)).toBe('');
  });

  test('max_connections bounds the pod, but a worker without any may make one', async () => {
    harness = await PoolHarness.start(2);
    const { limits } = clusterConfig();
    await harness.pool.apply(shop({ limits: { ...limits, maxConnections: 2 } }));
    const open = (index: number): void => {
      harness.threads[index].transport.client(8080).deliver('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
      harness.threads[index].transport.settle();
    };
    [0, 0, 0, 1, 1].forEach(open);
    expect(harness.threads.map(({ transport }) => transport.connected.length)).toEqual([2, 1]);
    expect(await stat('cluster.payment.upstream_rq_pending_active')).toBe(2);
  });

  test('a circuit breaker is opened by failures wherever they happen, lets one probe of the pod through, and closes for all', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop({ breaker: { kind: 'consecutive_failures', failures: 4, cooldown: 30_000 } }));
    for (const index of [0, 1, 0, 1]) expect(harness.request(index, { port: 8080, status: 500 })).toBe('500');
    expect([0, 1].map((index) => harness.request(index, { port: 8080 }))).toEqual(['503', '503']);
    harness.clock.advance(30_000);
    const probe = harness.threads[0].transport.client(8080);
    probe.deliver('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
    harness.threads[0].transport.settle();
    expect(harness.request(1, { port: 8080 })).toBe('503');
    harness.threads[0].transport.last.deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect(probe.received).toMatch(/^HTTP\/1.1 200/);
    expect(harness.request(1, { port: 8080 })).toBe('200');
    expect(await stat('cluster.payment.circuit_breaker.opened')).toBe(1);
    expect(await stat('cluster.payment.circuit_breaker.closed')).toBe(1);
    expect(await stat('cluster.payment.circuit_breaker.state.closed')).toBe(1);
  });

  test('a failure rate counts the outcomes of all, and forgets them after its window', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop({ breaker: { kind: 'failure_rate', percent: 50, window: 10_000, minRequests: 6, cooldown: 30_000 } }));
    for (const index of [0, 1, 0]) harness.request(index, { port: 8080, status: 500 });
    harness.clock.advance(10_000);
    for (const index of [0, 1, 0]) harness.request(index, { port: 8080, status: 200 });
    expect(await stat('cluster.payment.circuit_breaker.state.closed')).toBe(1);
    for (const index of [0, 1, 1]) harness.request(index, { port: 8080, status: 503 });
    expect(await stat('cluster.payment.circuit_breaker.state.open')).toBe(1);
  });

  test('a rate limit admits what it says of the pod, not of each worker', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop({}, { filters: [rateLimit()] }));
    const burst = () => Array.from({ length: 10 }, (_, i) => harness.request(i % 2, { port: 8080 })).filter((status) => status === '200').length;
    expect(burst()).toBe(5);
    harness.clock.advance(400);
    expect(burst()).toBe(2);
    harness.clock.advance(60_000);
    expect(burst()).toBe(5);
  });

  test('a rate limit by key counts each key for the pod, and no more keys than it may', async () => {
    harness = await PoolHarness.start(2);
    const key = { kind: 'query', name: 'user' } as const;
    await harness.pool.apply(shop({}, { filters: [rateLimit({ key, maxTokens: 1, tokensPerFill: 1, fillInterval: 60_000, maxKeys: 8 })] }));
    const ask = (index: number, user: string) => harness.request(index, { port: 8080, path: `/?user=${user}` });
    expect([ask(0, 'a'), ask(1, 'a'), ask(1, 'b'), ask(0, 'b'), ask(0, 'a')]).toEqual(['200', '429', '200', '429', '429']);
    // Eight more: the two least recently seen, a and b, are forgotten.
    for (let i = 0; i < 8; i++) {
      harness.clock.advance(1);
      expect(ask(i % 2, `other-${i}`)).toBe('200');
    }
    expect([ask(1, 'other-7'), ask(0, 'b')]).toEqual(['429', '200']);
  });

  test('an ejection holds in all workers, and ends in all', async () => {
    harness = await PoolHarness.start(2);
    const outlierDetection = {
      consecutive5xx: 3, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 0, splitExternalLocalOriginErrors: false, interval: 10_000,
      baseEjectionTime: 30_000, maxEjectionTime: 300_000, maxEjectionPercent: 100, alwaysEjectOneHost: true,
    };
    await harness.pool.apply(shop({ outlierDetection, panicThreshold: 0 }));
    for (let i = 0; i < 3; i++) harness.request(0, { port: 8080, status: 500 });
    await harness.settle();
    expect([0, 1].map((index) => harness.request(index, { port: 8080 }))).toEqual(['503', '503']);
    const report = harness.pool.report();
    await harness.settle();
    expect((await report).clusters[0].hosts[0]).toMatchObject({ ejected: true, healthy: false });
    expect(await stat('cluster.payment.outlier_detection_ejections_active')).toBe(1);
    expect(await stat('cluster.payment.outlier_detection_ejections_enforced_total')).toBe(1);
    harness.clock.advance(40_000);
    await harness.settle();
    expect([0, 1].map((index) => harness.request(index, { port: 8080 }))).toEqual(['200', '200']);
  });

  test('counters and histograms of all add up; what all see is there once', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop({}, {}, [9001, 9002]));
    for (const index of [0, 1, 1]) harness.request(index, { port: 8080 });
    expect(await stat('http.ingress.downstream_rq_total')).toBe(3);
    expect(await stat('cluster.payment.upstream_rq_200')).toBe(3);
    expect(await stat('cluster.payment.membership_total')).toBe(2);
    expect(await stat('server.concurrency')).toBe(2);
    const report = harness.pool.report();
    await harness.settle();
    expect((await report).clusters.map(({ name, stats }) => [name, stats.rqTotal])).toEqual([['payment', 3]]);
  });

  test('connections of all are shown, with what each of them holds', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop());
    for (const [index, bytes] of [[0, 'GET / HT'], [1, 'GET']] as const) harness.threads[index].transport.client(8080).deliver(bytes);
    const pending = harness.pool.connections();
    await harness.settle();
    expect((await pending).map(({ name, active, bufferedBytes }) => [name, active, bufferedBytes])).toEqual([['ingress', 0, 8], ['ingress', 0, 3]]);
    expect(await stat('overload.buffered_bytes')).toBe(11);
    expect(await stat('overload.connection_buffered_bytes_max')).toBe(8);
  });

  test('one access log, whole lines, those of a worker in their order', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop({}, { accessLog: LOG }));
    for (let i = 0; i < 6; i++) harness.request(i % 2, { port: 8080, path: `/${i % 2}/${i}` });
    harness.clock.advance(100);
    await harness.settle();
    const paths = harness.logs.lines.map((line) => (JSON.parse(line) as { path: string }).path);
    for (const worker of [0, 1]) expect(paths.filter((path) => path.startsWith(`/${worker}/`))).toEqual([worker, worker + 2, worker + 4].map((i) => `/${worker}/${i}`));
    harness.pool.reopenLogs();
    expect(harness.logs.reopened).toBe(1);
    await harness.pool.apply(shop());
    await harness.settle();
    expect(harness.logs.open.size).toBe(0);
  });
});

describe('a worker that dies', () => {
  test('takes its own connections along, no more; its part of the limits is free again, and another serves in its place', async () => {
    harness = await PoolHarness.start(2);
    const { limits } = clusterConfig();
    await harness.pool.apply(shop({ limits: { ...limits, maxRequests: 2 } }, { port: 0 }));
    const [{ port }] = harness.pool.listeners;
    const under = harness.threads.map(({ transport }) => {
      const client = transport.client(port);
      client.deliver('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
      transport.settle();
      return client;
    });
    expect(harness.request(0, { port })).toBe('503');
    const counted = await stat('cluster.payment.upstream_rq_total');
    const { transport: gone } = harness.threads[0];
    harness.threads[0].die('out of memory');
    await harness.settle();
    harness.clock.advance(0);
    await harness.settle();
    await harness.settle();
    expect(harness.threads[0].transport).not.toBe(gone);
    expect(harness.logged).toContain('worker died');
    expect(harness.request(0, { port })).toBe('200');
    harness.threads[1].transport.last.deliver('HTTP/1.1 204 No Content\r\n\r\n');
    expect(under[1].received).toMatch(/^HTTP\/1.1 204/);
    expect(await stat('server.worker_restarts')).toBe(1);
    // What the dead one had counted is not forgotten.
    expect(await stat('cluster.payment.upstream_rq_total')).toBe(counted! + 1);
    expect(await stat('cluster.payment.upstream_rq_active')).toBe(0);
  });

  test('is waited for longer each time it dies young, and what came meanwhile is in force in it', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop());
    for (const wait of [0, 100, 200]) {
      harness.threads[1].die('again');
      await harness.settle();
      const { started } = harness;
      if (wait > 0) {
        harness.clock.advance(wait - 1);
        expect(harness.started).toBe(started);
      }
      if (wait === 200) await harness.pool.apply(shop({}, { port: 8081 }));
      harness.clock.advance(1);
      await harness.settle();
      await harness.settle();
      expect(harness.started).toBe(started + 1);
    }
    expect(harness.request(1, { port: 8081 })).toBe('200');
  });

  test('while a snapshot is prepared does not keep the others from it', async () => {
    harness = await PoolHarness.start(2);
    await harness.pool.apply(shop());
    harness.threads[1].busy = true;
    const applied = harness.pool.apply(shop({}, { port: 8081 }));
    await harness.settle();
    harness.threads[1].die('in the middle');
    await applied;
    expect(harness.request(0, { port: 8081 })).toBe('200');
    harness.clock.advance(0);
    await harness.settle();
    await harness.settle();
    expect(harness.request(1, { port: 8081 })).toBe('200');
  });

  test('before it was ever ready ends the start', async () => {
    harness = await PoolHarness.start(1);
    await expect(PoolHarness.start(1, 'no such module')).rejects.toThrow('worker 0 did not start: no such module');
  });
});

test('a worker that is busy stands in reports with what it said last', async () => {
  harness = await PoolHarness.start(2);
  await harness.pool.apply(shop());
  harness.request(1, { port: 8080 });
  expect(await stat('http.ingress.downstream_rq_total')).toBe(1);
  harness.request(1, { port: 8080 });
  harness.threads[1].busy = true;
  const pending = harness.pool.report();
  await harness.settle();
  harness.clock.advance(1_000);
  const families = new Families();
  families.mergeFrom((await pending).families);
  expect(families.stats()).toContain('http.ingress.downstream_rq_total: 1\n');
  harness.threads[1].busy = false;
});

test('a worker that is stuck is ended when a configuration comes, which the others have then, and its successor', async () => {
  harness = await PoolHarness.start(2);
  await harness.pool.apply(shop());
  harness.threads[1].busy = true;
  const applied = harness.pool.apply(shop({}, { port: 8081 }));
  await harness.settle();
  harness.clock.advance(30_000);
  await applied;
  expect(harness.logged).toContain('worker does not answer');
  expect(harness.request(0, { port: 8081 })).toBe('200');
  harness.clock.advance(0);
  await harness.settle();
  await harness.settle();
  expect(harness.request(1, { port: 8081 })).toBe('200');
});

test('a worker that is stuck does not keep the pod from ending', async () => {
  harness = await PoolHarness.start(2);
  await harness.pool.apply(shop());
  harness.threads[1].busy = true;
  const closed = harness.pool.close();
  await harness.settle();
  harness.clock.advance(1_000);
  await closed;
  expect(harness.threads.map(({ terminated }) => terminated)).toEqual([true, true]);
});

test('a drain is over when it is in every worker', async () => {
  harness = await PoolHarness.start(2);
  await harness.pool.apply(shop());
  const { transport } = harness.threads[1];
  const client = transport.client(8080);
  client.deliver('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
  transport.settle();
  let over = false;
  const drained = harness.pool.drain(10_000).then(() => { over = true; });
  await harness.settle();
  expect(over).toBe(false);
  transport.last.deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  await drained;
  expect(client.received).toContain('connection: close');
});
