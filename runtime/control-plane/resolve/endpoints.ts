import type { Endpoint, Locality } from '../model';
import { describeId, keyOf, CONSUL_SLICE_LABEL, SERVICE_NAME_LABEL, type EndpointSlice, type Resource, type ResourceSet } from '../resources';
import type { BackendDraft } from './backends';
import type { Report } from './report';

/** EndpointSlices by the Service that they belong to. */
export type SlicesByService = ReadonlyMap<string, readonly { readonly slice: EndpointSlice; readonly name: string }[]>;

/** @param of keys of the Services that are asked about; without it all. */
export function slicesByService(set: ResourceSet, of?: ReadonlySet<string | undefined>): SlicesByService {
  const found = new Map<string, { slice: EndpointSlice; name: string }[]>();
  for (const resource of set.resources.EndpointSlice.values()) {
    const key = serviceOfSlice(resource);
    if (key === undefined || of?.has(key) === false) continue;
    const slices = found.get(key) ?? [];
    slices.push({ slice: resource.value, name: describeId(resource.id) });
    found.set(key, slices);
  }
  return found;
}

/** Key of the Service that a slice belongs to. */
export function serviceOfSlice({ id, value }: Resource<'EndpointSlice'>): string | undefined {
  const name = value.metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? undefined : keyOf({ namespace: id.namespace, name });
}

/**
 * Endpoints of a backend by region and zone, in the order of names and addresses. The port is that of the slices under the name of the Service's
 * port. A terminating pod is gone already: its connections may end, and no new request is sent. A pod that is not ready is listed and not used,
 * so that the health of a region is judged by all of its pods. A Service of both address families is reached by IPv4; its pods are known by both.
 */
export function endpointsOf(draft: BackendDraft, set: ResourceSet, slices: SlicesByService, report: Report): Locality[] {
  // Its proxies ask the DNS, or were told with the cluster.
  if (draft.external) return [];
  const service = set.resources.Service.get(keyOf(draft));
  const servicePort = service?.value.spec.ports.find(({ port }) => port === draft.port);
  const portName = servicePort && (servicePort.name ?? '');
  const zones = new Map((draft.mesh?.spec.regions ?? []).flatMap(({ name, zones: names }) => names.map((zone) => [zone, name] as const)));

  const own = slices.get(keyOf(draft)) ?? [];
  for (const { slice, name } of own) {
    if (slice.addressType === 'FQDN') report.unresolved(draft.owner, 'UnsupportedValue', `${name}: addressType is "FQDN": must be IPv4 or IPv6; its endpoints are left out`);
  }
  const family = own.some(({ slice }) => slice.addressType === 'IPv4') ? 'IPv4' : 'IPv6';
  const byLocality = new Map<string, { region: string; zone: string; endpoints: Map<string, Endpoint>; second: Set<string> }>();
  for (const { slice } of own.filter((one) => one.slice.addressType !== 'FQDN')) {
    const port = isConsuls(slice) ? slice.ports?.[0]?.port : slice.ports?.find((one) => (one.name ?? '') === portName)?.port;
    if (port === undefined || port === null) continue;
    for (const { addresses, conditions, zone = '' } of slice.endpoints ?? []) {
      if (conditions?.terminating) continue;
      const region = zones.get(zone ?? '') ?? '';
      const key = `${region}/${zone ?? ''}`;
      const locality = byLocality.get(key) ?? { region, zone: zone ?? '', endpoints: new Map<string, Endpoint>(), second: new Set<string>() };
      byLocality.set(key, locality);
      // All addresses of one endpoint are the same pod.
      const [address] = addresses;
      if (slice.addressType !== family) {
        locality.second.add(address);
        continue;
      }
      const id = `${address} ${port}`;
      const ready = (conditions?.ready ?? true) || (locality.endpoints.get(id)?.ready ?? false);
      locality.endpoints.set(id, { address, port, ready });
    }
  }
  return [...byLocality].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { region, zone, endpoints, second }]) => ({
    region, zone, ...second.size > 0 && { secondFamily: [...second].sort() },
    endpoints: [...endpoints.values()].sort((a, b) => (a.address < b.address ? -1 : Number(a.address > b.address)) || a.port - b.port),
  }));
}

/** Made of what Consul has: every instance has a port of its own, of no name. */
function isConsuls(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[CONSUL_SLICE_LABEL] !== undefined;
}
