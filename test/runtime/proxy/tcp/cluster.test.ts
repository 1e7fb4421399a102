import type { OutlierDetectionConfig } from '../../../../runtime/proxy/config/types';
import { clusterConfig } from '../support/config';
import { NOTHING_OPEN, TcpHarness } from './support';

const PORTS = [9001, 9002, 9003];
const outlierDetection: OutlierDetectionConfig = {
  consecutive5xx: 2, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 2, splitExternalLocalOriginErrors: false, interval: 10_000,
  baseEjectionTime: 30_000, maxEjectionTime: 300_000, maxEjectionPercent: 100, alwaysEjectOneHost: false,
};

/** Clients, one after the other, with upstreams that answer or refuse by their port. */
async function start(options: Parameters<typeof TcpHarness.start>[0], refusing: readonly number[] = []) {
  const harness = await TcpHarness.start(options);
  harness.transport.autoConnect = false;
  const answer = () => {
    for (let i = 0; i < 20; i++) {
      const pending = harness.transport.connected.find((one) => !one.closed && !answered.has(one));
      if (pending === undefined) return;
      answered.add(pending);
      if (refusing.includes(pending.port)) pending.deliverReset('connect_failed');
      else pending.connect();
      harness.settle();
    }
  };
  const answered = new Set<unknown>();
  const client = (bytes = '') => {
    const made = harness.client(bytes);
    answer();
    return made;
  };
  const hosts = () => harness.transport.connected.map(({ port }) => port);
  return { harness, client, hosts };
}

describe('endpoints', () => {
  test('sessions are balanced, and a least request balancer counts open ones', async () => {
    const round = await start({ ports: PORTS });
    for (let i = 0; i < 6; i++) round.client();
    expect([...new Set(round.hosts().slice(0, 3))].sort()).toEqual(PORTS);
    expect(round.harness.open).toMatchObject({ connections: 6, requests: 0, active: 6 });

    const least = await start({ ports: [9001, 9002], cluster: { balancer: { kind: 'least_request', choices: 2 } } });
    for (let i = 0; i < 8; i++) {
      least.harness.random = i % 2 === 0 ? 0.1 : 0.9;
      least.client();
    }
    const byPort = new Map<number, number>();
    for (const port of least.hosts()) byPort.set(port, (byPort.get(port) ?? 0) + 1);
    expect([...byPort.values()].every((sessions) => sessions >= 2)).toBe(true);
  });

  test('by the hash of the client\'s address all its sessions go to one', async () => {
    const cluster = { balancer: { kind: 'ring_hash', minimumRingSize: 64, maximumRingSize: 1024 } } as const;
    const { client, hosts } = await start({ ports: PORTS, cluster, tcp: { hashSourceIp: true } });
    for (let i = 0; i < 5; i++) client();
    expect(new Set(hosts()).size).toBe(1);
  });

  test('clusters by weight', async () => {
    const tcp = { clusters: [{ cluster: 'payment', weight: 3 }, { cluster: 'canary', weight: 1 }] };
    const { harness, client, hosts } = await start({ tcp, more: [[clusterConfig({ name: 'canary' }), [9100]]] });
    for (const random of [0, 0.74, 0.75, 0.99]) {
      harness.random = random;
      client();
    }
    expect(hosts()).toEqual([9001, 9001, 9100, 9100]);
  });

  test('none, and a cluster that is not known', async () => {
    const { harness, client } = await start({ ports: [] });
    expect(client().wasReset).toBe(true);
    await harness.apply({ tcp: { clusters: [{ cluster: 'gone', weight: 1 }] } });
    expect(client().wasReset).toBe(true);
    expect(harness.ended).toMatchObject([{ flag: 'UH', detail: 'no_healthy_upstream', tries: 1 }, { flag: 'NC', detail: 'cluster_not_found', tries: 0 }]);
    expect([harness.stats.cxNoRoute, harness.cluster.stats.rqNoHealthyUpstream, harness.open]).toEqual([1, 1, NOTHING_OPEN]);
  });

  test('one that leaves keeps its session, a cluster that leaves too', async () => {
    const { harness, client } = await start({});
    const first = client();
    await harness.apply({ ports: [9002], more: [[clusterConfig({ name: 'other' }), [9003]]] });
    await harness.apply({ tcp: { clusters: [{ cluster: 'other', weight: 1 }] }, cluster: { name: 'other' }, ports: [9003] });
    first.deliver('still here');
    expect(harness.transport.connected[0].received).toBe('still here');
    client('new');
    expect(harness.upstream).toMatchObject({ port: 9003, received: 'new' });
  });
});

describe('connecting', () => {
  test('a refused attempt is made again elsewhere, with what the client has said', async () => {
    const { harness, client, hosts } = await start({ ports: PORTS, tcp: { maxConnectAttempts: 3 } }, [9001, 9002]);
    const clients = [client('a'), client('b'), client('c')];
    expect(clients.every(({ closed }) => !closed)).toBe(true);
    expect(harness.transport.connected.filter(({ port }) => port === 9003).map(({ received }) => received).sort()).toEqual(['a', 'b', 'c']);
    expect(hosts().length).toBeGreaterThan(3);
    expect(harness.cluster.stats).toMatchObject({ cxConnectFail: hosts().length - 3, rqRetry: hosts().length - 3 });
    expect(harness.open).toMatchObject({ connections: 3, requests: 0, retries: 0, active: 3 });
  });

  test.each([[1, 'UF'], [3, 'UF,URX']] as const)('%d attempts in all: %s, and the client is told by a reset', async (maxConnectAttempts, flag) => {
    const { harness, client, hosts } = await start({ ports: PORTS, tcp: { maxConnectAttempts } }, PORTS);
    expect(client('x').wasReset).toBe(true);
    expect(new Set(hosts()).size).toBe(maxConnectAttempts);
    expect(harness.ended).toMatchObject([{ flag, detail: 'upstream_connection_failure', tries: maxConnectAttempts, received: 1, sent: 0 }]);
    expect([harness.cluster.stats.cxConnectAttemptsExceeded, harness.open]).toEqual([1, NOTHING_OPEN]);
  });

  test('one that takes too long counts as failed', async () => {
    const harness = await TcpHarness.start({ cluster: { connectTimeout: 500 }, tcp: { maxConnectAttempts: 2 } });
    harness.transport.autoConnect = false;
    const client = harness.client();
    harness.advance(500);
    expect([harness.transport.connected.length, harness.transport.connected[0].closed, client.closed]).toEqual([2, true, false]);
    harness.advance(500);
    expect(client.wasReset).toBe(true);
    expect(harness.ended).toMatchObject([{ flag: 'UF,URX', detail: 'upstream_connection_timeout', tries: 2, duration: 1000 }]);
    expect([harness.cluster.stats.cxConnectTimeout, harness.open]).toEqual([2, NOTHING_OPEN]);
  });
});

describe('policies', () => {
  test('an endpoint that refuses again and again is ejected, and comes back', async () => {
    const { harness, client } = await start({ ports: [9001, 9002], cluster: { outlierDetection }, tcp: { maxConnectAttempts: 2 } }, [9001]);
    for (let i = 0; i < 6; i++) client();
    const ejected = () => harness.cluster.hosts().filter((host) => host.ejected).map(({ key }) => key);
    expect(ejected()).toEqual(['127.0.0.1:9001']);
    const before = harness.cluster.stats.cxConnectFail;
    for (let i = 0; i < 4; i++) client();
    expect(harness.cluster.stats.cxConnectFail).toBe(before);
    harness.advance(40_000);
    expect(ejected()).toEqual([]);
  });

  test('an endpoint that resets sessions it took is not', async () => {
    const { harness, client } = await start({ cluster: { outlierDetection } });
    for (let i = 0; i < 5; i++) {
      client();
      harness.upstream.deliverReset();
    }
    expect(harness.cluster.hosts()[0].ejected).toBe(false);
  });

  test('the breaker opens after failed attempts, and lets one probe through', async () => {
    const breaker = { kind: 'consecutive_failures', failures: 2, cooldown: 30_000 } as const;
    const refusing = [9001];
    const { harness, client, hosts } = await start({ cluster: { breaker } }, refusing);
    client();
    client();
    expect(harness.cluster.breakerState).toBe('open');
    client();
    expect([hosts().length, harness.ended[2]]).toMatchObject([2, { flag: 'UO', detail: 'circuit_open', tries: 0 }]);
    harness.advance(30_000);
    refusing.length = 0;
    expect(client().closed).toBe(false);
    expect(harness.cluster.breakerState).toBe('closed');
  });

  test('max_connections bounds sessions', async () => {
    const limits = { maxConnections: 2, maxPendingRequests: 10, maxRequests: 10, maxRetries: 3 };
    const { harness, client } = await start({ cluster: { limits } });
    const [first, , third] = [client(), client(), client()];
    expect([third.wasReset, harness.ended]).toMatchObject([true, [{ flag: 'UO', detail: 'overflow' }]]);
    expect(harness.cluster.stats.cxOverflow).toBe(1);
    first.deliverReset();
    expect(client().closed).toBe(false);
  });
});
