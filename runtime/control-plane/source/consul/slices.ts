import { isIP } from 'node:net';
import { CONSUL_SLICE_LABEL, SERVICE_NAME_LABEL, type RawDocument } from '../../resources';
import type { Instance } from './client';

/**
 * Instances as EndpointSlices of a service of the mesh: one for each family and port. An instance is ready unless one of its checks is critical, as
 * Consul's own DNS has it; its zone is that of its locality, or of its node's metadata `zone`.
 */
export function slicesOf(instances: readonly Instance[], { namespace, name }: { namespace: string; name: string }, location: string): RawDocument[] {
  const groups = new Map<string, { addressType: string; port: number; endpoints: object[] }>();
  for (const { Node, Service, Checks } of instances) {
    const address = Service.Address || Node.Address;
    if (!address || Service.Port === 0) continue;
    const addressType = { 0: 'FQDN', 4: 'IPv4', 6: 'IPv6' }[isIP(address)]!;
    const key = `${addressType.toLowerCase()}-${Service.Port}`;
    const group = groups.get(key) ?? { addressType, port: Service.Port, endpoints: [] };
    groups.set(key, group);
    const zone = Service.Locality?.Zone || Node.Locality?.Zone || Node.Meta?.zone;
    group.endpoints.push({
      addresses: [address], conditions: { ready: !(Checks ?? []).some(({ Status }) => Status === 'critical') }, ...zone ? { zone } : {},
    });
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { addressType, port, endpoints }]) => ({
    location,
    value: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-consul-${key}`, namespace, labels: { [SERVICE_NAME_LABEL]: name, [CONSUL_SLICE_LABEL]: 'true' } },
      addressType,
      ports: [{ port }],
      endpoints,
    },
  }));
}
