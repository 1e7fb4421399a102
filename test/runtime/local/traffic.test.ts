import { parsePrometheus } from '../../../runtime/local/prometheus';
import { clusterCounts, edgesBetween, endpointsKnown, quantile, type Snapshot } from '../../../runtime/local/traffic';

function page(cluster: string, { ok = 0, failed = 0, retries = 0, fast = 0, slow = 0, breaker = '', healthy = 2, refused = 0 }): string {
  const label = `envoy_cluster_name="${cluster}"`;
  return [
    '# TYPE envoy_cluster_upstream_rq_xx counter',
    `envoy_cluster_upstream_rq_xx{${label},envoy_response_code_class="2"} ${ok}`,
    `envoy_cluster_upstream_rq_xx{${label},envoy_response_code_class="5"} ${failed}`,
    `envoy_cluster_upstream_rq_retry{${label}} ${retries}`,
    `envoy_cluster_upstream_rq_time_bucket{${label},le="10"} ${fast}`,
    `envoy_cluster_upstream_rq_time_bucket{${label},le="100"} ${fast + slow}`,
    `envoy_cluster_upstream_rq_time_bucket{${label},le="+Inf"} ${fast + slow}`,
    `envoy_cluster_membership_total{${label}} 2`,
    `envoy_cluster_membership_healthy{${label}} ${healthy}`,
    `meshwright_circuit_breaker_refused_total{${label}} ${refused}`,
    ...['closed', 'open', 'half_open'].map((state) => `meshwright_circuit_breaker_state{${label},state="${state}"} ${Number(state === breaker)}`),
    `something_else{${label}} 7`,
    '',
  ].join('\n');
}
const snapshot = (at: number, pods: Record<string, [service: string, ...pages: string[]]>): Snapshot => ({
  at, pods: new Map(Object.entries(pods).map(([pod, [service, ...pages]]) => [pod, { service, clusters: clusterCounts(pages.join('')) }])),
});

test('a metrics page is read, escapes and timestamps too', () => {
  expect(parsePrometheus('a{x="1\\"2\\\\3\\n",y=""} 4 1700000000\nb 1e3\n# HELP c\nbroken line here\n', () => true)).toEqual([
    { name: 'a', labels: { x: '1"2\\3\n', y: '' }, value: 4 }, { name: 'b', labels: {}, value: 1000 },
  ]);
});

test('an edge is the sum of the pods of its caller, between two moments', () => {
  const before = snapshot(0, {
    a: ['order', page('payment.shop:8080', { ok: 100, fast: 100, breaker: 'closed' })],
    b: ['order', page('payment.shop:8080', { ok: 10, failed: 4, fast: 14, breaker: 'closed' })],
  });
  const after = snapshot(2000, {
    a: ['order', page('payment.shop:8080', { ok: 140, failed: 4, retries: 6, fast: 130, slow: 14, breaker: 'closed' }), page('inbound:8080', { ok: 9 })],
    b: ['order', page('payment.shop:8080', { ok: 26, failed: 4, fast: 24, slow: 6, breaker: 'open', healthy: 1, refused: 8 })],
    // Its proxy began anew meanwhile: all it has counted is new.
    c: ['order', page('ingest.iot:8080@eu-west', { ok: 2, fast: 2 })],
  });
  expect(edgesBetween(before, after)).toEqual([
    {
      caller: 'order', called: 'ingest@eu-west', requestsPerSecond: 1, success: 1, p50: 5, p99: 9.9, retriesPerSecond: 0, refusedPerSecond: 0,
      breaker: undefined, endpoints: 2, healthy: 2,
    },
    {
      caller: 'order', called: 'payment', requestsPerSecond: 30, success: 1 - 4 / 60, p50: 7.5, p99: expect.closeTo(97.3, 5), retriesPerSecond: 3,
      refusedPerSecond: 4, breaker: 'open', endpoints: 2, healthy: 1,
    },
  ]);
});

test('a counter that fell began anew; nobody who called has no success rate', () => {
  const [edge] = edgesBetween(snapshot(0, { a: ['x', page('y.z:1', { ok: 50, fast: 50 })] }), snapshot(1000, { a: ['x', page('y.z:1', { ok: 3, fast: 3 })] }));
  expect(edge).toMatchObject({ requestsPerSecond: 3, success: 1 });
  const still = snapshot(1000, { a: ['x', page('y.z:1', { ok: 3, fast: 3 })] });
  expect(edgesBetween(still, { ...still, at: 2000 })[0]).toMatchObject({ requestsPerSecond: 0, success: undefined, p50: undefined, p99: undefined });
});

test.each([[0.5, 5], [0.99, 9.9], [1, 10]])('quantile %d lies where the bucket says, linearly', (part, value) => {
  expect(quantile(new Map([[10, 100], [20, 100], [Infinity, 100]]), part)).toBeCloseTo(value);
});

test('what is longer than every bucket is at least the last bound', () => {
  expect(quantile(new Map([[10, 1], [Infinity, 100]]), 0.99)).toBe(10);
  expect(quantile(new Map(), 0.5)).toBeUndefined();
});

test('endpoints are known once all are healthy; keys of issuers and what is really outside may be away', () => {
  const of = (...clusters: [string, number][]) => snapshot(0, { a: ['x', clusters.map(([cluster, healthy]) => page(cluster, { healthy })).join('')] });
  const outside = new Set(['cards.shop']);
  expect(endpointsKnown(of(['payment.shop:8080', 2], ['inbound:8080', 2]), outside)).toBe(true);
  expect(endpointsKnown(of(['payment.shop:8080', 1], ['inbound:8080', 2]), outside)).toBe(false);
  expect(endpointsKnown(of(['inbound:8080', 2], ['keys:login.example:443', 0], ['cards.shop:443', 0], ['tunnel:cards.shop:443', 0]), outside)).toBe(true);
  // One that is played on this machine has to be there.
  expect(endpointsKnown(of(['inbound:8080', 2], ['cards.shop:443', 0]), new Set())).toBe(false);
  expect(endpointsKnown(snapshot(0, {}), outside)).toBe(false);
});
