import { VirtualClock } from '../../../../runtime/clock/virtual';
import { createCluster, type Cluster, type TryOutcome } from '../../../../runtime/proxy/cluster';
import { ClusterHost } from '../../../../runtime/proxy/cluster/host';
import { xxHash64, xxHashResult } from '../../../../runtime/proxy/cluster/xxhash64';
import type { ClusterConfig, ClusterEndpoints, LocalityEndpoints, OutlierDetectionConfig } from '../../../../runtime/proxy/config/types';

/** A pseudo-random sequence that is the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
}

export function clusterConfig(change: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name: 'payment',
    statName: 'payment',
    discovery: 'eds',
    endpointsName: 'payment',
    connectTimeout: 1000,
    balancer: { kind: 'round_robin' },
    limits: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
    retryBudget: undefined,
    breaker: undefined,
    outlierDetection: undefined,
    idleTimeout: 60_000,
    http2: undefined,
    transportSocket: undefined,
    maxRequestsPerConnection: 0,
    panicThreshold: 50,
    localityWeighted: false,
    overprovisioningFactor: 140,
    ...change,
  };
}

export const outlierDetection: OutlierDetectionConfig = {
  consecutive5xx: 3,
  consecutiveGatewayFailure: 0,
  consecutiveLocalOriginFailure: 0,
  splitExternalLocalOriginErrors: false,
  interval: 10_000,
  baseEjectionTime: 30_000,
  maxEjectionTime: 300_000,
  maxEjectionPercent: 100,
  alwaysEjectOneHost: false,
};

export interface EndpointSketch {
  readonly address: string;
  readonly weight?: number;
  readonly healthy?: boolean;
}

export function locality(sketches: readonly (EndpointSketch | string)[], change: Partial<LocalityEndpoints> = {}): LocalityEndpoints {
  return {
    region: 'eu-west',
    zone: 'a',
    priority: 0,
    weight: 0,
    ...change,
    endpoints: sketches.map((sketch) => {
      const { address, weight = 1, healthy = true } = typeof sketch === 'string' ? { address: sketch } : sketch;
      return { address, port: 8080, weight, healthy };
    }),
  };
}

export function endpoints(...localities: LocalityEndpoints[]): ClusterEndpoints {
  return { clusterName: 'payment', localities };
}

/** Addresses 10.0.<block>.1 … 10.0.<block>.<size>, the first `healthy` of them healthy. */
export function addresses(size: number, { block = 0, healthy = size } = {}): EndpointSketch[] {
  return Array.from({ length: size }, (_, index) => ({ address: `10.0.${block}.${index + 1}`, healthy: index < healthy }));
}

export function made(
  change: Partial<ClusterConfig>, given: ClusterEndpoints, { random = seeded(1), clock = new VirtualClock() } = {},
): { cluster: Cluster; clock: VirtualClock } {
  const cluster = createCluster(clusterConfig(change), { clock, random });
  cluster.update(given);
  return { cluster, clock };
}

export function host(address: string, weight = 1, active = 0): ClusterHost {
  const result = new ClusterHost(address, 8080);
  result.weight = weight;
  result.active = active;
  return result;
}

export function hashOf(text: string): { hi: number; lo: number } {
  xxHash64(text);
  return { hi: xxHashResult.hi, lo: xxHashResult.lo };
}

export function count<T>(times: number, pick: (index: number) => T): Map<T, number> {
  const counts = new Map<T, number>();
  for (let i = 0; i < times; i++) {
    const got = pick(i);
    counts.set(got, (counts.get(got) ?? 0) + 1);
  }
  return counts;
}

export const answered = (status: number): TryOutcome => ({ status, failure: undefined, latency: 1 });
export const failed = (failure: NonNullable<TryOutcome['failure']>): TryOutcome => ({ status: 0, failure, latency: 1 });

/** One whole try at the picked host, or at the given address. Says what refused it. */
export function attempt(cluster: Cluster, outcome: TryOutcome, address?: string): string | undefined {
  const refusal = cluster.admit(false);
  if (refusal) return refusal;
  const picked = address === undefined ? cluster.pick(undefined, undefined, 0) : cluster.hosts().find((candidate) => candidate.address === address);
  if (picked) cluster.started(picked);
  cluster.finished(picked, outcome, false, cluster.admission);
  return undefined;
}
