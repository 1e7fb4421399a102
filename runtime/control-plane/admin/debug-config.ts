import {
  ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, toJson, type JsonValue,
} from '../../xds';
import type { Connection } from '../ads';
import type { MeshModel } from '../model';
import { proxyNode } from '../translate';
import { xdsResources, type ProxyNode } from '../xds';

/** What one proxy runs, or would run, as protobuf JSON with the names of the proto files. */
export interface DebugConfig {
  readonly node: ProxyNode;
  readonly connected: boolean;
  readonly clusters: JsonValue[];
  readonly endpoints: JsonValue[];
  readonly listeners: JsonValue[];
  readonly routes: JsonValue[];
}

/**
 * @param query `node` is the id of a connected proxy, or `<service>.<namespace>` for one that might connect, whose address, region and loopback may
 * be given as `podIp`, `region` and `loopback`.
 * @returns why there is none, as a text.
 */
export function debugConfig(query: URLSearchParams, model: MeshModel, connections: readonly Connection[]): DebugConfig | string {
  const name = query.get('node') ?? '';
  const connection = connections.find(({ peer }) => peer.id === name);
  const node = connection?.node ?? hypothetical(name, query, model);
  if (!node) {
    const services = [...model.services.values()].map((service) => `${service.name}.${service.namespace}`);
    const ids = connections.map(({ peer }) => peer.id);
    return `node is ${JSON.stringify(name)}: must be a connected proxy (${ids.join(', ') || 'none'}) or <service>.<namespace> (${services.join(', ') || 'none'})`;
  }
  const xds = xdsResources(model, node);
  return {
    node,
    connected: connection !== undefined,
    clusters: xds.clusters.map((one) => toJson(ClusterSchema, one)),
    endpoints: xds.endpoints.map((one) => toJson(ClusterLoadAssignmentSchema, one)),
    listeners: xds.listeners.map((one) => toJson(ListenerSchema, one)),
    routes: xds.routes.map((one) => toJson(RouteConfigurationSchema, one)),
  };
}

function hypothetical(name: string, query: URLSearchParams, model: MeshModel): ProxyNode | undefined {
  const service = [...model.services.values()].find((one) => `${one.name}.${one.namespace}` === name);
  return service && proxyNode(model, {
    service: service.key,
    podIp: query.get('podIp') ?? '127.0.0.1',
    loopback: query.get('loopback') ?? '127.0.0.1',
    region: query.get('region') ?? undefined,
  });
}
