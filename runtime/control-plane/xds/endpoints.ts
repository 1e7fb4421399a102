import { ClusterLoadAssignmentSchema, create, HealthStatus, type ClusterLoadAssignment } from '../../xds';
import { rankLocalities, type Backend, type Locality } from '../model';
import { clusterName } from './names';

/**
 * Endpoints of a backend's cluster, as they serve traffic that belongs to region `first`. Without endpoints the assignment is empty, never absent:
 * a cluster that waits for its endpoints would hold up everything else, and one without any answers 503.
 * @param clusterRegion the region in the cluster's name.
 */
export function endpoints(
  backend: Backend, localities: readonly Locality[], first: string | undefined, clusterRegion?: string,
): ClusterLoadAssignment {
  const { locality } = backend.policies;
  return create(ClusterLoadAssignmentSchema, {
    clusterName: clusterName(backend, clusterRegion),
    // Envoy leaves a priority when health × factor falls below 100 %.
    policy: locality && { overprovisioningFactor: Math.ceil(10_000 / locality.healthyPercent) },
    endpoints: rankLocalities(localities, locality, first).map(({ region, zone, priority, endpoints: members }) => ({
      priority,
      locality: { region, zone },
      lbEndpoints: members.map(({ address, port, ready }) => ({
        healthStatus: ready ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY,
        hostIdentifier: {
          case: 'endpoint' as const,
          value: { address: { address: { case: 'socketAddress' as const, value: { address, portSpecifier: { case: 'portValue' as const, value: port } } } } },
        },
      })),
    })),
  });
}
