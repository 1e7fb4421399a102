import { isIP } from 'node:net';
import {
  Cluster_DiscoveryType, Cluster_DnsLookupFamily, ClusterSchema, create, duration, packAny, SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol,
  TransportSocketSchema, UpstreamTlsContextSchema, type Cluster, type TransportSocket,
} from '../../xds';
import type { Backend, External, Policies } from '../model';
import { callersPolicies, connections, upstream } from './clusters';
import type { Init } from './init';
import { clusterName, tunnelName } from './names';

type ClusterInit = Init<typeof ClusterSchema>;

/** What a name is asked for again after, where the DNS does not say how long its answer is good. */
const DNS_REFRESH = 30_000;
/** The same after a failure, and after one that has lasted. */
const DNS_FAILURE = { baseInterval: duration(1000), maxInterval: duration(10_000) };

/** What is outside of the mesh, as its callers use it: their proxies speak TLS to it where it has TLS. */
export function externalCluster(backend: Backend, external: External): Cluster {
  const name = clusterName(backend);
  return create(ClusterSchema, {
    ...upstream(name, backend.protocol, connections(backend.policies)),
    ...callersPolicies(backend.policies),
    ...where(name, backend, external),
    transportSocket: external.tls && tlsTo(backend, external, external.tls.authorities),
  });
}

/** The same for applications that speak TLS to it themselves: their bytes go on as they are, to where the name leads and nowhere else. */
export function tunnelCluster(backend: Backend, external: External): Cluster {
  const name = tunnelName(backend);
  const { bulkhead, outlierDetection, loadBalancer } = backend.policies;
  const policies: Policies = {
    ...backend.policies,
    retryBudget: undefined, circuitBreaker: undefined, healthCheck: undefined, outlierDetection,
    bulkhead: bulkhead && { maxConnections: bulkhead.maxConnections, maxPendingRequests: undefined, maxRequests: undefined },
    loadBalancer: loadBalancer.kind === 'ring-hash' ? { kind: 'round-robin' } : loadBalancer,
  };
  return create(ClusterSchema, {
    ...upstream(name, 'tcp', connections(policies)), ...callersPolicies(policies), ...where(name, backend, external),
  });
}

function where(name: string, { port }: Backend, { hostname, endpoints = [{ address: hostname, port }] }: External): ClusterInit {
  const known = endpoints.every(({ address }) => isIP(address) !== 0);
  return {
    clusterDiscoveryType: { case: 'type', value: known ? Cluster_DiscoveryType.STATIC : Cluster_DiscoveryType.STRICT_DNS },
    ...!known && {
      // A pod without an address of IPv6 could not use one.
      dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
      dnsRefreshRate: duration(DNS_REFRESH),
      dnsFailureRefreshRate: DNS_FAILURE,
      respectDnsTtl: true,
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [{
        lbEndpoints: endpoints.map((one) => ({
          hostIdentifier: {
            case: 'endpoint' as const,
            value: { address: { address: { case: 'socketAddress' as const, value: { address: one.address, portSpecifier: { case: 'portValue' as const, value: one.port } } } } },
          },
        })),
      }],
    },
  };
}

/** TLS whose other end has the name; an address is not sent as a name, and has to stand in the certificate as an address (RFC 6066 §3, RFC 9525 §6). */
function tlsTo({ protocol }: Backend, { hostname }: External, authorities: string | undefined): TransportSocket {
  const named = isIP(hostname) === 0;
  const context = create(UpstreamTlsContextSchema, {
    sni: named ? hostname : '',
    autoSniSanValidation: named,
    commonTlsContext: {
      tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2, tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 },
      alpnProtocols: protocol === 'http' ? ['http/1.1'] : protocol === 'tcp' ? [] : ['h2'],
      validationContextType: {
        case: 'validationContext',
        value: {
          ...authorities === undefined ? { systemRootCerts: {} } : { trustedCa: { specifier: { case: 'inlineString', value: authorities } } },
          matchTypedSubjectAltNames: named ? []
            : [{ sanType: SubjectAltNameMatcher_SanType.IP_ADDRESS, matcher: { matchPattern: { case: 'exact', value: hostname } } }],
        },
      },
    },
  });
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, context) },
  });
}
