import {
  Cluster_LbPolicy as LbPolicy, LeastRequestSchema, RandomSchema, RingHashSchema, RoundRobinSchema, unpackAnyAs, WrrLocalitySchema, type Any,
  type Cluster, type LoadBalancingPolicy,
} from '../../../xds';
import type { Problems } from '../problems';
import type { BalancerConfig } from '../types';
import { inRange } from './scalars';

/** Envoy's defaults and bounds. */
const MIN_RING = 1_024;
const MAX_RING = 8 * 1024 * 1024;
const CHOICES = 2;

export interface DecodedBalancer {
  readonly balancer: BalancerConfig;
  readonly localityWeighted: boolean;
}

export function balancer(cluster: Cluster, problems: Problems): DecodedBalancer {
  const weighted = cluster.commonLbConfig?.localityConfigSpecifier.case === 'localityWeightedLbConfig';
  if (cluster.loadBalancingPolicy) {
    const found = extension(cluster.loadBalancingPolicy, 'load_balancing_policy', problems);
    return { balancer: found.balancer, localityWeighted: weighted || found.localityWeighted };
  }
  if (cluster.lbPolicy === LbPolicy.LOAD_BALANCING_POLICY_CONFIG) problems.add('load_balancing_policy', 'is required by this lb_policy');
  return { balancer: byEnum(cluster, problems), localityWeighted: weighted };
}

function byEnum({ lbPolicy, lbConfig }: Cluster, problems: Problems): BalancerConfig {
  switch (lbPolicy) {
    case LbPolicy.LEAST_REQUEST:
      return leastRequest(lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value.choiceCount : undefined, 'least_request_lb_config', problems);
    case LbPolicy.RING_HASH: {
      const ring = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
      return ringHash(ring?.minimumRingSize, ring?.maximumRingSize, 'ring_hash_lb_config', problems);
    }
    case LbPolicy.RANDOM:
      return { kind: 'random' };
    default:
      return { kind: 'round_robin' };
  }
}

/** The first policy of a known type, as Envoy does. */
function extension(policy: LoadBalancingPolicy, path: string, problems: Problems): DecodedBalancer {
  for (const [index, entry] of policy.policies.entries()) {
    const found = known(entry.typedExtensionConfig?.typedConfig, `${path}.policies[${index}].typed_extension_config.typed_config`, problems);
    if (found) return found;
  }
  problems.add(`${path}.policies`, 'none is supported: one of RoundRobin, LeastRequest, RingHash, Random, WrrLocality');
  return { balancer: { kind: 'round_robin' }, localityWeighted: false };
}

function known(any: Any | undefined, path: string, problems: Problems): DecodedBalancer | undefined {
  const roundRobin = unpackAnyAs(RoundRobinSchema, any);
  if (roundRobin) return { balancer: { kind: 'round_robin' }, localityWeighted: weightedIn(roundRobin.localityLbConfig) };
  const random = unpackAnyAs(RandomSchema, any);
  if (random) return { balancer: { kind: 'random' }, localityWeighted: weightedIn(random.localityLbConfig) };
  const least = unpackAnyAs(LeastRequestSchema, any);
  if (least) return { balancer: leastRequest(least.choiceCount, path, problems), localityWeighted: weightedIn(least.localityLbConfig) };
  const ring = unpackAnyAs(RingHashSchema, any);
  if (ring) {
    const made = ringHash(ring.minimumRingSize, ring.maximumRingSize, path, problems);
    return { balancer: made, localityWeighted: ring.localityWeightedLbConfig !== undefined };
  }
  const wrr = unpackAnyAs(WrrLocalitySchema, any);
  if (!wrr) return undefined;
  if (!wrr.endpointPickingPolicy) {
    problems.add(`${path}.endpoint_picking_policy`, 'is required');
    return { balancer: { kind: 'round_robin' }, localityWeighted: true };
  }
  return { balancer: extension(wrr.endpointPickingPolicy, `${path}.endpoint_picking_policy`, problems).balancer, localityWeighted: true };
}

function weightedIn(config: { localityConfigSpecifier: { case?: string } } | undefined): boolean {
  return config?.localityConfigSpecifier.case === 'localityWeightedLbConfig';
}

function leastRequest(choices: number | undefined, path: string, problems: Problems): BalancerConfig {
  return { kind: 'least_request', choices: inRange(choices ?? CHOICES, 2, 100, `${path}.choice_count`, problems) };
}

function ringHash(minimum: bigint | undefined, maximum: bigint | undefined, path: string, problems: Problems): BalancerConfig {
  const minimumRingSize = inRange(Number(minimum ?? MIN_RING), 1, MAX_RING, `${path}.minimum_ring_size`, problems);
  const maximumRingSize = inRange(Number(maximum ?? MAX_RING), 1, MAX_RING, `${path}.maximum_ring_size`, problems);
  if (minimumRingSize > maximumRingSize) {
    problems.add(`${path}.minimum_ring_size`, `${minimumRingSize} must not be more than maximum_ring_size ${maximumRingSize}`);
  }
  return { kind: 'ring_hash', minimumRingSize, maximumRingSize };
}
