import type { RawResource } from '../../../../runtime/proxy/config/store';
import { AnySchema, create, encode, fromJson, schemaOf, TypeUrl, type Any } from '../../../../runtime/xds';

const ROUTER = { name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } };
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export function any(typeUrl: string, json: unknown): Any {
  const schema = schemaOf(typeUrl)!;
  return create(AnySchema, { typeUrl, value: encode(schema, fromJson(schema, json)) });
}

export function raw(typeUrl: string, name: string, json: unknown, version = '1'): RawResource {
  return { name, version, resource: any(typeUrl, json) };
}

/** A listener with an inline table (one route to `cluster`), or with the table of `rds`. */
export function listenerJson(name: string, port: number, routes: { rds: string } | { cluster: string }, more: object = {}): object {
  const specifier = 'rds' in routes ? { rds: { route_config_name: routes.rds, config_source: { ads: {} } } } : { route_config: tableJson('', routes.cluster) };
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: { '@type': HCM, 'stat_prefix': name, ...specifier, 'http_filters': [ROUTER], ...more } }] }],
  };
}

export function tableJson(name: string, cluster: string): object {
  return { ...(name && { name }), virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }] };
}

export function edsJson(name: string, more: object = {}): object {
  return { name, type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, ...more };
}

export function assignmentJson(name: string, ...ports: number[]): object {
  return {
    cluster_name: name,
    endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } })) }],
  };
}

export const listener = (name: string, port: number, routes: { rds: string } | { cluster: string }) =>
  raw(TypeUrl.LDS, name, listenerJson(name, port, routes));
export const table = (name: string, cluster: string, version?: string) => raw(TypeUrl.RDS, name, tableJson(name, cluster), version);
export const cluster = (name: string, more?: object, version?: string) => raw(TypeUrl.CDS, name, edsJson(name, more), version);
export const assignment = (name: string, ...ports: number[]) => raw(TypeUrl.EDS, name, assignmentJson(name, ...ports));
