import { HealthStatus, type ClusterLoadAssignment, type LbEndpoint, type LocalityLbEndpoints } from '../../../xds';
import type { Problems } from '../problems';
import type { EndpointConfig, LocalityEndpoints } from '../types';
import { inRange, socketAddress } from './scalars';

/** Envoy's default of policy.overprovisioning_factor, in percent. */
export const OVERPROVISIONING = 140;
const MAX_PRIORITY = 128;

export interface DecodedEndpoints {
  readonly localities: readonly LocalityEndpoints[];
  readonly overprovisioningFactor: number;
}

/** @param names host names are taken as addresses (STRICT_DNS). */
export function loadAssignment(message: ClusterLoadAssignment, path: string, problems: Problems, names = false): DecodedEndpoints {
  const dot = path === '' ? '' : `${path}.`;
  const factor = message.policy?.overprovisioningFactor;
  return {
    localities: message.endpoints.map((group, index) => locality(group, `${dot}endpoints[${index}]`, problems, names)),
    overprovisioningFactor: factor === undefined ? OVERPROVISIONING
      : inRange(factor, 100, 0xffff_ffff, `${dot}policy.overprovisioning_factor`, problems),
  };
}

function locality(group: LocalityLbEndpoints, path: string, problems: Problems, names: boolean): LocalityEndpoints {
  return {
    region: group.locality?.region ?? '',
    zone: group.locality?.zone ?? '',
    priority: inRange(group.priority, 0, MAX_PRIORITY, `${path}.priority`, problems),
    weight: inRange(group.loadBalancingWeight ?? 1, 0, 0xffff_ffff, `${path}.load_balancing_weight`, problems),
    endpoints: group.lbEndpoints.map((entry, index) => endpoint(entry, `${path}.lb_endpoints[${index}]`, problems, names)),
  };
}

function endpoint(entry: LbEndpoint, path: string, problems: Problems, names: boolean): EndpointConfig {
  const address = entry.hostIdentifier.case === 'endpoint' ? entry.hostIdentifier.value.address : undefined;
  const { host, port } = socketAddress(address, `${path}.endpoint.address`, problems, { names });
  return {
    address: host,
    port,
    weight: inRange(entry.loadBalancingWeight ?? 1, 1, 0xffff_ffff, `${path}.load_balancing_weight`, problems),
    healthy: entry.healthStatus === HealthStatus.UNKNOWN || entry.healthStatus === HealthStatus.HEALTHY,
  };
}
