import { bootstrap } from '../../bench/peers/policies';
import { tcpBootstrap } from '../../bench/peers/tcp';
import { decodeBootstrap } from '../../runtime/proxy/bootstrap/decode';
import type { HttpConnectionManagerConfig } from '../../runtime/proxy/config/types';

test('what the benchmark configures is what our proxy takes, every policy of it', () => {
  const upstreams = [18101, 18102, 18103, 18104];
  const { listeners, clusters } = decodeBootstrap(bootstrap({ folder: '', root: '', upstreams }, 18120, 18121), 'bench');
  expect(listeners).toHaveLength(1);
  const { listener, routes: [{ inline }] } = listeners[0]!;
  const filter = listener.filterChains[0].filter as HttpConnectionManagerConfig;
  expect(listener.port).toBe(18120);
  expect(filter).toMatchObject({ generateRequestId: true, useRemoteAddress: true, accessLog: { path: '/dev/null' } });
  expect(filter.filters.map(({ kind }) => kind)).toEqual(['local_ratelimit']);
  expect(inline!.virtualHosts[0]!.routes[0]).toMatchObject({
    match: { headers: [{ name: 'x-tenant' }] },
    requestHeaders: { set: [{ name: 'x-mesh-caller', value: 'order' }] },
    responseHeaders: { remove: ['x-app'] },
    action: { timeout: 10_000, retry: { maxRetries: 2, perTryTimeout: 5000, avoidPreviousHosts: true } },
  });
  expect(clusters[0]).toMatchObject({
    cluster: { balancer: { kind: 'least_request' }, breaker: { kind: 'consecutive_failures', failures: 5, cooldown: 30_000 }, outlierDetection: { consecutive5xx: 5 } },
    endpoints: { localities: [{ endpoints: upstreams.map((port) => ({ port })) }] },
  });
});

test('so is what the benchmark of bytes configures', () => {
  const { listeners, clusters } = decodeBootstrap(tcpBootstrap({ folder: '', root: '', upstreams: [18101, 18102] }, 18120, 18121, true), 'bench');
  expect(listeners[0].listener.filterChains[0].filter).toMatchObject({
    kind: 'tcp_proxy', clusters: [{ cluster: 'db.shop:5432', weight: 1 }], idleTimeout: 60_000, maxConnectAttempts: 2, accessLog: { path: '/dev/null' },
  });
  expect(clusters[0].cluster).toMatchObject({ breaker: { failures: 5 }, outlierDetection: { consecutive5xx: 5 }, limits: { maxConnections: 4000 } });
});

test('so is HTTP/2 on both sides', () => {
  const { listeners, clusters } = decodeBootstrap(bootstrap({ folder: '', root: '', upstreams: [18101], http2: true }, 18120, 18121), 'bench');
  expect(listeners[0].listener.filterChains[0].filter).toMatchObject({ kind: 'http', codec: 'http2' });
  expect(clusters[0].cluster.http2).toMatchObject({ maxConcurrentStreams: 100 });
});
