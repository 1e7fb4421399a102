import { isIP } from 'node:net';
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, duration, type ClusterSchema } from '../../xds';
import type { Init } from './init';

/** What a name is asked for again after, where the DNS does not say how long its answer is good. */
const DNS_REFRESH = 30_000;
/** The same after a failure, and after one that has lasted. */
const DNS_FAILURE = { baseInterval: duration(1000), maxInterval: duration(10_000) };

/** A cluster's endpoints that stand in it: as they are where all of them are addresses, else looked up by the proxies. */
export function fixedEndpoints(
  clusterName: string, endpoints: readonly { readonly address: string; readonly port: number }[],
): Init<typeof ClusterSchema> {
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
      clusterName,
      endpoints: [{
        lbEndpoints: endpoints.map(({ address, port }) => ({
          hostIdentifier: {
            case: 'endpoint' as const,
            value: { address: { address: { case: 'socketAddress' as const, value: { address, portSpecifier: { case: 'portValue' as const, value: port } } } } },
          },
        })),
      }],
    },
  };
}
