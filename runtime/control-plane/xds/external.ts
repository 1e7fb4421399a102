import { isIP } from 'node:net';
import {
  ClusterSchema, create, packAny, SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol,
  TransportSocketSchema, UpstreamTlsContextSchema, type Cluster, type TransportSocket,
} from '../../xds';
import type { Backend, External, Policies } from '../model';
import { callersPolicies, connections, upstream } from './clusters';
import { fixedEndpoints } from './fixed-endpoints';
import type { Init } from './init';
import { clusterName, tunnelName } from './names';

type ClusterInit = Init<typeof ClusterSchema>;

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
  return fixedEndpoints(name, endpoints);
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
