import {
  ApiVersion, Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema, create, duration, LeastRequestSchema, packAny, RoundRobinSchema,
  RoutingPriority, TransportSocketSchema, unpackAnyAs, UpstreamTlsContextSchema, type Any, type Cluster, type OutlierDetection, type TransportSocket,
} from '../../../xds';
import type { Init } from '../init';

/** The instance of `certificate_providers` in a client's bootstrap that has its certificate and the roots (gRFC A29). */
export const CERTIFICATE_PROVIDER = 'default';

type ClusterInit = Init<typeof ClusterSchema>;

/** A cluster as gRPC takes it (gRFC A27, A29, A32, A42, A50). */
export function grpcCluster(cluster: Cluster): Cluster {
  const { name, circuitBreakers, connectTimeout, outlierDetection, transportSocket } = cluster;
  const maxRequests = circuitBreakers?.thresholds[0]?.maxRequests;
  return create(ClusterSchema, {
    ...byEndpoints(name),
    connectTimeout,
    ...balancer(cluster),
    circuitBreakers: maxRequests === undefined ? undefined : { thresholds: [{ priority: RoutingPriority.DEFAULT, maxRequests }] },
    outlierDetection: outlierDetection && ejections(outlierDetection),
    transportSocket: transportSocket && byProvider(transportSocket),
  });
}

export function emptyCluster(name: string): Cluster {
  return create(ClusterSchema, { ...byEndpoints(name), lbPolicy: Cluster_LbPolicy.ROUND_ROBIN });
}

function byEndpoints(name: string): ClusterInit {
  return {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      serviceName: name,
      edsConfig: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3, initialFetchTimeout: duration(0) },
    },
  };
}

/**
 * Of `load_balancing_policy` a client takes the first that it knows (gRFC A52): least request is known to those in Go and Java (A48), and the others go
 * round. `lb_policy` is for those that do not know the list.
 */
function balancer({ lbPolicy, lbConfig }: Cluster): ClusterInit {
  if (lbPolicy === Cluster_LbPolicy.RING_HASH) return { lbPolicy, lbConfig };
  const least = lbConfig.case === 'leastRequestLbConfig'
    ? [policy('least_request', packAny(LeastRequestSchema, create(LeastRequestSchema, { choiceCount: lbConfig.value.choiceCount })))] : [];
  const policies = [...least, policy('round_robin', packAny(RoundRobinSchema, create(RoundRobinSchema)))];
  return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN, loadBalancingPolicy: { policies } };
}

function policy(name: string, typedConfig: Any) {
  return { typedExtensionConfig: { name: `envoy.load_balancing_policies.${name}`, typedConfig } };
}

/**
 * gRPC counts no failures in a row. An endpoint that has answered at least so many calls of an interval, and all of them with a failure, has had as many
 * in a row; so whatever is ejected here would be by a proxy.
 */
function ejections(outlier: OutlierDetection): ClusterInit['outlierDetection'] {
  const { interval, baseEjectionTime, maxEjectionTime, maxEjectionPercent, consecutive5xx } = outlier;
  return {
    interval,
    baseEjectionTime,
    maxEjectionTime,
    maxEjectionPercent,
    enforcingSuccessRate: 0,
    enforcingFailurePercentage: 100,
    failurePercentageThreshold: 99,
    failurePercentageMinimumHosts: 1,
    failurePercentageRequestVolume: consecutive5xx,
  };
}

/** The same demands: the mesh's roots, the called identity, an own certificate; where from is said by the bootstrap. */
function byProvider(socket: TransportSocket): TransportSocket {
  const context = socket.configType.case === 'typedConfig' ? unpackAnyAs(UpstreamTlsContextSchema, socket.configType.value) : undefined;
  const validation = context?.commonTlsContext?.validationContextType;
  const names = validation?.case === 'combinedValidationContext' ? validation.value.defaultValidationContext?.matchTypedSubjectAltNames ?? [] : [];
  const instance = { instanceName: CERTIFICATE_PROVIDER };
  const made = create(UpstreamTlsContextSchema, {
    commonTlsContext: {
      tlsCertificateProviderInstance: instance,
      validationContextType: {
        case: 'validationContext',
        value: { caCertificateProviderInstance: instance, matchSubjectAltNames: names.flatMap(({ matcher }) => matcher ?? []) },
      },
    },
  });
  return create(TransportSocketSchema, { name: socket.name, configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, made) } });
}
