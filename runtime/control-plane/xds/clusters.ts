import {
  ApiVersion, CircuitBreakerSchema, Cluster_DiscoveryType, Cluster_LbPolicy, Cluster_RingHashLbConfig_HashFunction, ClusterSchema, create,
  duration, packAny, RoutingPriority, UpstreamHttpProtocolOptionsSchema, type Any,
  type TransportSocket, type CircuitBreakers_ThresholdsSchema, type Cluster,
} from '../../xds';
import type { Backend, CircuitBreaker, HealthCheck, LoadBalancer, OutlierDetection, Policies, Protocol, Service } from '../model';
import { fixedEndpoints } from './fixed-endpoints';
import { HTTP2_LIMITS } from './http2';
import { clientSocket } from './identity';
import type { Init } from './init';
import { clusterName, inboundClusterName, type DetectedProtocol } from './names';
import type { ProxyNode } from './types';

/** What xDS says for no bound: its own defaults are 1024, and 3 retries. */
const UNBOUNDED = 4_294_967_295;
/** Time to connect to another pod, and to the application beside the proxy, in milliseconds. */
const CONNECT_TIMEOUT = 5000;
const LOCAL_CONNECT_TIMEOUT = 1000;
/** An idle connection to another proxy is closed before that one closes it after its hour, and well before a firewall forgets it. */
const IDLE_TIMEOUT = 300_000;
/** Below the 5 seconds after which many HTTP/1.1 servers (Node's among them) close an idle connection: a request sent just then would be lost. */
const LOCAL_IDLE_TIMEOUT = 4000;
const LARGEST_RING = 8_388_608;

type ClusterInit = Init<typeof ClusterSchema>;

/** A backend as its callers use it; with a region, for the traffic that a geohash sends there. */
export function cluster(backend: Backend, region?: string): Cluster {
  const name = clusterName(backend, region);
  const { policies } = backend;
  return create(ClusterSchema, {
    ...upstream(name, backend.protocol, connections(policies)),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      serviceName: name,
      edsConfig: {
        configSourceSpecifier: { case: 'ads', value: {} },
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: duration(0),
      },
    },
    transportSocket: backend.tls && clientSocket(backend, backend.tls.identity),
    ...callersPolicies(policies),
  });
}

/** What callers do with the traffic of a cluster. */
export function callersPolicies(policies: Policies): ClusterInit {
  return {
    ...balancer(policies.loadBalancer),
    circuitBreakers: { thresholds: [thresholds(policies)] },
    healthChecks: policies.healthCheck === undefined ? [] : [healthCheck(policies.healthCheck)],
    outlierDetection: policies.outlierDetection && outlierDetection(policies.outlierDetection),
    metadata: policies.circuitBreaker && { typedFilterMetadata: { 'meshwright.circuit_breaker': breaker(policies.circuitBreaker) } },
  };
}

/** The pod's own application. Whoever calls it bounds the call, so nothing is bounded here. */
export function inboundCluster(service: Service, node: ProxyNode, detected?: DetectedProtocol): Cluster {
  const name = inboundClusterName(service.port, detected);
  const protocol = detected ?? service.protocol;
  // An HTTP/2 server says with a GOAWAY that it closes, so nothing is lost on a connection that was idle for long.
  const idleTimeout = protocol === 'http' ? LOCAL_IDLE_TIMEOUT : IDLE_TIMEOUT;
  return create(ClusterSchema, {
    ...upstream(name, protocol, { connectTimeout: LOCAL_CONNECT_TIMEOUT, idleTimeout }),
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    ...fixedEndpoints(name, [{ address: node.loopback, port: service.port }]),
    circuitBreakers: { thresholds: [{ priority: RoutingPriority.DEFAULT, ...bounds(undefined), maxRetries: UNBOUNDED }] },
  });
}

interface OriginalDestinations {
  /** Dialed there instead of the one that was meant. */
  readonly port?: number;
  readonly transportSocket?: TransportSocket | undefined;
  readonly protocol?: Protocol;
}

/** Where each connection was meant to go. */
export function originalDestinations(name: string, { port, transportSocket, protocol = 'tcp' }: OriginalDestinations = {}): Cluster {
  return create(ClusterSchema, {
    ...upstream(name, protocol, { connectTimeout: CONNECT_TIMEOUT, idleTimeout: IDLE_TIMEOUT }),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    lbConfig: port === undefined ? undefined : { case: 'originalDstLbConfig', value: { upstreamPortOverride: port } },
    transportSocket,
    circuitBreakers: { thresholds: [{ priority: RoutingPriority.DEFAULT, ...bounds(undefined), maxRetries: UNBOUNDED }] },
  });
}

/** Bounds of a cluster's connections, in milliseconds. */
interface ConnectionBounds {
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly maxConnectionDuration?: number | undefined;
}

/** Those of the connections to other pods and to what is outside. */
export function connections({ connectTimeout, maxConnectionDuration }: Policies): ConnectionBounds {
  return { connectTimeout: connectTimeout ?? CONNECT_TIMEOUT, idleTimeout: IDLE_TIMEOUT, maxConnectionDuration };
}

export function upstream(name: string, protocol: Protocol, { connectTimeout, idleTimeout, maxConnectionDuration }: ConnectionBounds): ClusterInit {
  return {
    name,
    connectTimeout: duration(connectTimeout),
    // An endpoint that is not well is never used: a bound on ejections is the user's to set (maxEjectionPercent), not that of a panic.
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    typedExtensionProtocolOptions: protocol === 'tcp' ? {} : {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packAny(UpstreamHttpProtocolOptionsSchema, create(UpstreamHttpProtocolOptionsSchema, {
        commonHttpProtocolOptions: {
          idleTimeout: duration(idleTimeout),
          maxConnectionDuration: maxConnectionDuration === undefined ? undefined : duration(maxConnectionDuration),
        },
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: { protocolConfig: protocol === 'http' ? { case: 'httpProtocolOptions', value: {} } : { case: 'http2ProtocolOptions', value: HTTP2_LIMITS } },
        },
      })),
    },
  };
}

function balancer(loadBalancer: LoadBalancer): ClusterInit {
  switch (loadBalancer.kind) {
    case 'round-robin':
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN };
    case 'least-request':
      return { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST, lbConfig: { case: 'leastRequestLbConfig', value: { choiceCount: loadBalancer.choices } } };
    case 'ring-hash':
      return {
        lbPolicy: Cluster_LbPolicy.RING_HASH,
        lbConfig: {
          case: 'ringHashLbConfig',
          value: {
            hashFunction: Cluster_RingHashLbConfig_HashFunction.XX_HASH,
            minimumRingSize: BigInt(loadBalancer.minRingSize),
            maximumRingSize: BigInt(LARGEST_RING),
          },
        },
      };
  }
}

type ThresholdsInit = Init<typeof CircuitBreakers_ThresholdsSchema>;

/** The bulkhead. A threshold that nobody set is written as unbounded. */
function thresholds({ bulkhead, retryBudget }: Policies): ThresholdsInit {
  return {
    priority: RoutingPriority.DEFAULT,
    ...bounds(bulkhead),
    ...retryBudget
      ? { retryBudget: { budgetPercent: { value: retryBudget.percent }, minRetryConcurrency: retryBudget.minConcurrency } }
      : { maxRetries: UNBOUNDED },
  };
}

function bounds(bulkhead: Policies['bulkhead']) {
  return {
    maxConnections: bulkhead?.maxConnections ?? UNBOUNDED,
    maxPendingRequests: bulkhead?.maxPendingRequests ?? UNBOUNDED,
    maxRequests: bulkhead?.maxRequests ?? UNBOUNDED,
  };
}

/** Every detector is written out: the one that the user set, and the others as off. An answer of 5xx and a failed connection count alike. */
function outlierDetection(outlier: OutlierDetection): ClusterInit['outlierDetection'] {
  return {
    consecutive5xx: outlier.consecutiveServerErrors,
    enforcingConsecutive5xx: 100,
    enforcingConsecutiveGatewayFailure: 0,
    enforcingSuccessRate: 0,
    enforcingLocalOriginSuccessRate: 0,
    enforcingFailurePercentage: 0,
    enforcingFailurePercentageLocalOrigin: 0,
    splitExternalLocalOriginErrors: false,
    interval: duration(outlier.interval),
    baseEjectionTime: duration(outlier.baseEjection),
    // Envoy takes none that is shorter than the first one.
    maxEjectionTime: duration(Math.max(outlier.baseEjection, outlier.maxEjection)),
    maxEjectionTimeJitter: duration(0),
    maxEjectionPercent: outlier.maxEjectionPercent,
    alwaysEjectOneHost: true,
  };
}

type HealthCheckInit = NonNullable<ClusterInit['healthChecks']>[number];

/** Checks of many callers are spread, so that they do not come together. */
const CHECK_JITTER_PERCENT = 10;

function healthCheck({ ask, interval, timeout, unhealthyThreshold, healthyThreshold }: HealthCheck): HealthCheckInit {
  return {
    interval: duration(interval),
    timeout: duration(timeout),
    unhealthyThreshold,
    healthyThreshold,
    intervalJitterPercent: CHECK_JITTER_PERCENT,
    healthChecker: checker(ask),
  };
}

function checker(ask: HealthCheck['ask']): HealthCheckInit['healthChecker'] {
  switch (ask.kind) {
    case 'http': return { case: 'httpHealthCheck', value: { path: ask.path } };
    case 'grpc': return { case: 'grpcHealthCheck', value: { serviceName: ask.service } };
    case 'tcp': return { case: 'tcpHealthCheck', value: {} };
  }
}

function breaker(policy: CircuitBreaker): Any {
  return packAny(CircuitBreakerSchema, create(CircuitBreakerSchema, {
    cooldown: duration(policy.cooldown),
    trip: policy.kind === 'consecutive-failures'
      ? { case: 'consecutiveFailures', value: policy.failures }
      : { case: 'failureRate', value: { percent: policy.percent, window: duration(policy.window), minRequests: policy.minRequests } },
  }));
}
