import { KEYS, TUNNEL } from '../control-plane/xds/names';
import { parsePrometheus } from './prometheus';

/** What the proxy of one pod has counted towards one cluster, since it began. */
export interface ClusterCounts {
  /** Answered requests by class of their status, index 1 to 5. */
  readonly byClass: readonly number[];
  readonly retries: number;
  readonly refused: number;
  /** Upper bound in milliseconds → requests at most that long. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly breaker: BreakerState | undefined;
  readonly endpoints: number;
  readonly healthy: number;
}

export type BreakerState = 'closed' | 'half_open' | 'open';

/** Counts of all pods at one moment. */
export interface Snapshot {
  /** Milliseconds of the runner's clock. */
  readonly at: number;
  /** Pod → cluster → counts. */
  readonly pods: ReadonlyMap<string, { readonly service: string; readonly clusters: ReadonlyMap<string, ClusterCounts> }>;
}

/** Who calls whom, over the time between two snapshots. */
export interface Edge {
  readonly caller: string;
  /** The called Service: `payment`, `payment-v2`, `ingest@eu-west`. */
  readonly called: string;
  readonly requestsPerSecond: number;
  /** Part of the requests that was answered below 500, 0 to 1; undefined where there was none. */
  readonly success: number | undefined;
  /** Milliseconds; undefined where there was no request. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly retriesPerSecond: number;
  readonly refusedPerSecond: number;
  /** The worst of the caller's pods. */
  readonly breaker: BreakerState | undefined;
  /** Endpoints as the caller with the fewest healthy ones sees them. */
  readonly endpoints: number;
  readonly healthy: number;
}

const WANTED = new Set([
  'envoy_cluster_upstream_rq_xx', 'envoy_cluster_upstream_rq_retry', 'envoy_cluster_upstream_rq_time_bucket', 'envoy_cluster_membership_total',
  'envoy_cluster_membership_healthy', 'meshwright_circuit_breaker_state', 'meshwright_circuit_breaker_refused_total',
]);
const WORST: readonly BreakerState[] = ['closed', 'half_open', 'open'];

interface Mutable {
  byClass: number[];
  retries: number;
  refused: number;
  buckets: Map<number, number>;
  breaker: BreakerState | undefined;
  endpoints: number;
  healthy: number;
}

function noCounts(): Mutable {
  return { byClass: [0, 0, 0, 0, 0, 0], retries: 0, refused: 0, buckets: new Map(), breaker: undefined, endpoints: 0, healthy: 0 };
}

/** Counts by cluster, from the metrics page of a proxy. */
export function clusterCounts(page: string): ReadonlyMap<string, ClusterCounts> {
  const clusters = new Map<string, Mutable>();
  for (const { name, labels, value } of parsePrometheus(page, (metric) => WANTED.has(metric))) {
    const cluster = labels.envoy_cluster_name ?? '';
    let counts = clusters.get(cluster);
    if (!counts) {
      counts = noCounts();
      clusters.set(cluster, counts);
    }
    if (name === 'envoy_cluster_upstream_rq_xx') counts.byClass[Number(labels.envoy_response_code_class)] = value;
    else if (name === 'envoy_cluster_upstream_rq_retry') counts.retries = value;
    else if (name === 'envoy_cluster_upstream_rq_time_bucket') counts.buckets.set(labels.le === '+Inf' ? Infinity : Number(labels.le), value);
    else if (name === 'envoy_cluster_membership_total') counts.endpoints = value;
    else if (name === 'envoy_cluster_membership_healthy') counts.healthy = value;
    else if (name === 'meshwright_circuit_breaker_refused_total') counts.refused = value;
    else if (value === 1) counts.breaker = labels.state as BreakerState;
  }
  return clusters;
}

/**
 * Whether every proxy knows the endpoints of what it calls, all of them healthy. Whatever is outside of the mesh may be away.
 * @param outside names of external services that are not on this machine, `cards.shop`
 */
export function endpointsKnown({ pods }: Snapshot, outside: ReadonlySet<string>): boolean {
  const clusters = [...pods.values()].flatMap((pod) => [...pod.clusters]).filter(([name]) => !isOutside(name, outside));
  return clusters.length > 0 && clusters.every(([, { healthy, endpoints }]) => endpoints > 0 && healthy === endpoints);
}

function isOutside(cluster: string, outside: ReadonlySet<string>): boolean {
  return cluster.startsWith(KEYS) || outside.has(cluster.replace(TUNNEL, '').split(':')[0]!);
}

/** The edges of the mesh between two moments, sorted by caller and called. A pod that began in between counts from its beginning. */
export function edgesBetween(before: Snapshot, after: Snapshot): Edge[] {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  const sums = new Map<string, Mutable & { caller: string; called: string }>();
  for (const [pod, { service, clusters }] of after.pods) {
    for (const [cluster, counts] of clusters) {
      const called = calledService(cluster);
      if (called === undefined) continue;
      const key = `${service} ${called}`;
      let sum = sums.get(key);
      if (!sum) {
        sum = { caller: service, called, ...noCounts(), healthy: Infinity };
        sums.set(key, sum);
      }
      add(sum, counts, before.pods.get(pod)?.clusters.get(cluster));
    }
  }
  return [...sums.values()].sort((a, b) => (a.caller < b.caller || (a.caller === b.caller && a.called < b.called) ? -1 : 1)).map((sum): Edge => {
    const total = sum.byClass.reduce((all, count) => all + count, 0);
    return {
      caller: sum.caller,
      called: sum.called,
      requestsPerSecond: total / seconds,
      success: total === 0 ? undefined : 1 - sum.byClass[5]! / total,
      p50: quantile(sum.buckets, 0.5),
      p99: quantile(sum.buckets, 0.99),
      retriesPerSecond: sum.retries / seconds,
      refusedPerSecond: sum.refused / seconds,
      breaker: sum.breaker,
      endpoints: sum.endpoints,
      healthy: sum.healthy,
    };
  });
}

/** A counter that is lower than before began anew. */
function grown(after: number, before: number | undefined): number {
  return before === undefined || after < before ? after : after - before;
}

function add(sum: Mutable, after: ClusterCounts, before: ClusterCounts | undefined): void {
  after.byClass.forEach((count, at) => { sum.byClass[at]! += grown(count, before?.byClass[at]); });
  sum.retries += grown(after.retries, before?.retries);
  sum.refused += grown(after.refused, before?.refused);
  for (const [bound, count] of after.buckets) sum.buckets.set(bound, (sum.buckets.get(bound) ?? 0) + grown(count, before?.buckets.get(bound)));
  if (after.breaker !== undefined && WORST.indexOf(after.breaker) > WORST.indexOf(sum.breaker ?? 'closed')) sum.breaker = after.breaker;
  sum.breaker ??= after.breaker;
  sum.endpoints = Math.max(sum.endpoints, after.endpoints);
  sum.healthy = Math.min(sum.healthy, after.healthy);
}

/** `payment.shop:8080` is `payment`, `ingest.iot:8080@eu-west` is `ingest@eu-west`; a proxy's own application is nobody's call. */
function calledService(cluster: string): string | undefined {
  const match = /^([^.:]+)\.[^:]+:\d+(@.+)?$/.exec(cluster);
  return match ? `${match[1]}${match[2] ?? ''}` : undefined;
}

/** As Prometheus' `histogram_quantile`: linear within the bucket; the lower bound of the last one where it falls there. */
export function quantile(buckets: ReadonlyMap<number, number>, part: number): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = part * total;
  let below = 0;
  let counted = 0;
  for (const [bound, count] of sorted) {
    if (count >= rank) return bound === Infinity ? below : below + ((bound - below) * (rank - counted)) / Math.max(1e-9, count - counted);
    below = bound;
    counted = count;
  }
  return below;
}
