import {
  ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, SecretSchema, type Cluster, type ClusterLoadAssignment,
  type Listener, type RouteConfiguration, type Secret,
} from '../../../xds';
import { checkSubset } from '../check';
import { Problems } from '../problems';
import type { RouteTableConfig, SecretConfig } from '../types';
import { cluster, type DecodedCluster } from './cluster';
import { loadAssignment, type DecodedEndpoints } from './endpoints';
import { listener, type DecodedListener } from './listener';
import { routeTable } from './route';
import { secret } from './secret';

export type { DecodedCluster, DnsConfig } from './cluster';
export type { DecodedEndpoints } from './endpoints';
export { inlineTableName } from './http-connection-manager';
export type { DecodedListener } from './listener';

/** Either what a resource says, or everything that is wrong with it, each with its path in the resource. */
export type Decoded<T> = { readonly value: T; readonly problems: readonly [] } | { readonly value: undefined; readonly problems: readonly string[] };

export function decodeListener(message: Listener): Decoded<DecodedListener> {
  return decoded((problems) => {
    if (!checkSubset(ListenerSchema, message, problems)) return undefined;
    return listener(message, problems);
  });
}

export function decodeRouteTable(message: RouteConfiguration): Decoded<RouteTableConfig> {
  return decoded((problems) => {
    if (!checkSubset(RouteConfigurationSchema, message, problems)) return undefined;
    if (message.name === '') problems.add('name', 'is required');
    return routeTable(message, message.name, '', problems);
  });
}

export function decodeCluster(message: Cluster): Decoded<DecodedCluster> {
  return decoded((problems) => {
    if (!checkSubset(ClusterSchema, message, problems)) return undefined;
    return cluster(message, problems);
  });
}

export function decodeEndpoints(message: ClusterLoadAssignment): Decoded<DecodedEndpoints> {
  return decoded((problems) => {
    if (!checkSubset(ClusterLoadAssignmentSchema, message, problems)) return undefined;
    if (message.clusterName === '') problems.add('cluster_name', 'is required');
    return loadAssignment(message, '', problems);
  });
}

/** Problems never show what is secret. */
export function decodeSecret(message: Secret): Decoded<SecretConfig> {
  return decoded((problems) => {
    if (!checkSubset(SecretSchema, message, problems)) return undefined;
    return secret(message, problems);
  });
}

function decoded<T>(decode: (problems: Problems) => T | undefined): Decoded<T> {
  const problems = new Problems();
  const value = decode(problems);
  if (value !== undefined && !problems.any) return { value, problems: [] };
  return { value: undefined, problems: problems.list() };
}
