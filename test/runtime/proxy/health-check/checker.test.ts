import type { HealthCheckConfig } from '../../../../runtime/proxy/config/types';
import { clusterConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const COMMON = {
  timeout: 500, interval: 1000, unhealthyInterval: 0, initialJitter: 0, intervalJitter: 0, intervalJitterPercent: 0,
  unhealthyThreshold: 3, healthyThreshold: 2,
};
const HTTP: HealthCheckConfig = { kind: 'http', ...COMMON, host: 'payment', path: '/healthz', expectedStatuses: [{ start: 200, end: 300 }] };
const answer = (status: number): string => `HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`;

let harness: Harness;
afterEach(async () => {
  await harness.close();
  expect(harness.clock.timers).toBe(0);
});

async function start(healthCheck: HealthCheckConfig, ports: readonly number[] = [9001], panicThreshold = 0): Promise<void> {
  harness = await Harness.start({ ports, cluster: clusterConfig({ healthCheck, panicThreshold }) });
  harness.advance(0);
}

/** The check under way, the last of its port. */
function probe(port = 9001): MemoryConnection {
  return harness.transport.connected.filter((connection) => connection.port === port).at(-1)!;
}
function reply(status: number, port = 9001): void {
  harness.reply(answer(status), probe(port));
}
const healthy = (): boolean[] => harness.cluster.hosts().map((host) => host.healthy);

test('what is asked, and how often', async () => {
  await start(HTTP);
  expect(probe().received).toBe('GET /healthz HTTP/1.1\r\nhost: payment\r\nuser-agent: meshwright/HC\r\nconnection: close\r\n\r\n');
  reply(200);
  expect(probe().closed).toBe(true);
  harness.advance(999);
  expect(harness.transport.connected).toHaveLength(1);
  harness.advance(1);
  expect(harness.transport.connected).toHaveLength(2);
  harness.reply('HTTP/1.1 103 Early Hints\r\n\r\n', probe());
  reply(204);
  expect(healthy()).toEqual([true]);
  expect(harness.cluster.stats).toMatchObject({ healthCheckAttempt: 2, healthCheckSuccess: 2, healthCheckFailure: 0 });
});

test('the first result counts at once; a host that says that it is not well is out at once, and back after enough good ones', async () => {
  await start(HTTP, [9001, 9002]);
  reply(200);
  reply(500, 9002);
  expect(healthy()).toEqual([true, false]);
  harness.advance(1000);
  reply(503);
  reply(200, 9002);
  expect(healthy()).toEqual([false, false]);
  expect(parseAnswer(harness.send(GET).received).status).toBe(503);
  harness.advance(1000);
  reply(200);
  reply(200, 9002);
  expect(healthy()).toEqual([false, true]);
  harness.advance(1000);
  reply(200);
  expect(healthy()).toEqual([true, true]);
});

test('without an answer it is out after as many as the threshold says, in a row', async () => {
  await start(HTTP);
  reply(200);
  const fail = [
    () => harness.advance(500),
    () => probe().deliverReset(),
    () => harness.reply('nonsense\r\n\r\n', probe()),
  ];
  for (const one of fail.slice(0, 2)) {
    harness.advance(1000);
    one();
  }
  harness.advance(1000);
  reply(200);
  for (const one of fail) {
    expect(healthy()).toEqual([true]);
    harness.advance(1000);
    one();
  }
  expect(healthy()).toEqual([false]);
  expect(harness.cluster.stats).toMatchObject({ healthCheckFailure: 5, healthCheckNetworkFailure: 5 });
});

test('panic, and what EDS says, are as ever', async () => {
  await start(HTTP, [9001], 50);
  reply(500);
  expect(healthy()).toEqual([false]);
  const client = harness.send(GET);
  harness.reply(OK);
  expect(parseAnswer(client.received).status).toBe(200);
  harness.advance(1000);
  reply(200);
  harness.advance(1000);
  reply(200);
  expect(healthy()).toEqual([true]);
  const endpoint = { address: '127.0.0.1', port: 9001, weight: 1, healthy: false };
  harness.cluster.update({ clusterName: 'payment', localities: [{ region: '', zone: '', priority: 0, weight: 1, endpoints: [endpoint] }] });
  expect(healthy()).toEqual([false]);
});

test('hosts that come later get requests when they have passed; those that leave are not asked any more', async () => {
  await start(HTTP);
  reply(200);
  await harness.proxy.apply(harness.snapshot({ ports: [9001, 9002], cluster: clusterConfig({ healthCheck: HTTP, panicThreshold: 0 }) }));
  expect(healthy()).toEqual([true, false]);
  harness.advance(0);
  reply(200, 9002);
  expect(healthy()).toEqual([true, true]);
  await harness.proxy.apply(harness.snapshot({ ports: [9002], cluster: clusterConfig({ healthCheck: HTTP, panicThreshold: 0 }) }));
  const before = harness.transport.connected.length;
  harness.advance(1000);
  expect(harness.transport.connected.slice(before).map(({ port }) => port)).toEqual([9002]);
  reply(500, 9002);
  // Without checks nobody is out by one.
  await harness.proxy.apply(harness.snapshot({ ports: [9002], cluster: clusterConfig({ panicThreshold: 0 }) }));
  expect(healthy()).toEqual([true]);
});

test('hosts that are out are asked at an interval of their own; waits have their random parts', async () => {
  await start({ ...HTTP, unhealthyInterval: 100 });
  reply(500);
  harness.advance(100);
  expect(harness.transport.connected).toHaveLength(2);
  await harness.close();
  await start({ ...HTTP, initialJitter: 1000, intervalJitter: 500, intervalJitterPercent: 50 });
  expect(harness.transport.connected).toHaveLength(0);
  harness.advance(1000);
  expect(harness.transport.connected).toHaveLength(1);
  reply(200);
  harness.advance(1000);
  expect(harness.transport.connected).toHaveLength(1);
  harness.advance(1000);
  expect(harness.transport.connected).toHaveLength(2);
});

test('TCP: a connection is enough', async () => {
  await start({ kind: 'tcp', ...COMMON });
  expect(healthy()).toEqual([true]);
  expect(harness.cluster.stats).toMatchObject({ healthCheckSuccess: 1 });
  harness.transport.autoConnect = false;
  for (let i = 0; i < 3; i++) {
    harness.advance(1000);
    probe().deliverReset('connect_failed');
  }
  expect(healthy()).toEqual([false]);
});

test('gRPC, and HTTP where the cluster speaks HTTP/2: over that', async () => {
  await start({ kind: 'grpc', ...COMMON, host: 'payment', service: 'shop.Payment' });
  expect(probe().received).toMatch(/^PRI \* HTTP\/2.0\r\n[^]*shop\.Payment$/);
  await harness.close();
  const http2 = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
  harness = await Harness.start({ cluster: clusterConfig({ healthCheck: HTTP, http2 }) });
  harness.advance(0);
  expect(probe().received).toMatch(/^PRI \* HTTP\/2.0\r\n/);
});
