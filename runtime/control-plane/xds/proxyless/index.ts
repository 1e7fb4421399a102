import {
  ClusterLoadAssignmentSchema, create, HealthStatus, RouteConfigurationSchema, VirtualHostSchema, type Cluster, type ClusterLoadAssignment,
  type Listener, type RouteConfiguration, type VirtualHost,
} from '../../../xds';
import type { Backend, Fault, Protocol } from '../../model';
import { faultFilters } from '../fault';
import { INVALID_BACKEND } from '../names';
import { emptyCluster, grpcCluster } from './clusters';
import { apiListener, routesName } from './listeners';
import { grpcRoutes, clustersOf } from './routes';

/**
 * What a client of gRPC without a proxy is given, made of what a proxy of the same service would be: the called services, each under the names by which
 * its proxies would answer (gRFC A27: a Listener for each target of `xds:///`), with what gRPC can do of their policies. What it can not, and would
 * refuse or take for something else, is left out or said otherwise; docs/proxyless.md has the list.
 */
export interface Proxyless {
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
  /** Routes lead to a backend that is not there, and calls of it are to fail at once. */
  readonly invalid: boolean;
}

/** A backend, and the faults that its callers inject because no proxy of its own does. */
export interface Called {
  readonly backend: Backend;
  readonly faults: readonly Fault[] | undefined;
}

interface Made {
  readonly faults: readonly Fault[] | undefined;
  readonly routes: RouteConfiguration;
  readonly listeners: readonly Listener[];
  readonly invalid: boolean;
}

const made = new WeakMap<VirtualHost, Made>();

/** @param virtualHosts those that a proxy has for what it calls. */
export function proxyless(virtualHosts: readonly VirtualHost[], calledBy: (virtualHost: string) => Called | undefined): Proxyless {
  const all = virtualHosts.flatMap((virtualHost) => {
    const called = calledBy(virtualHost.name);
    if (!called || !speaksHttp2(called.backend.protocol)) return [];
    const before = made.get(virtualHost);
    const found = before && before.faults === called.faults ? before : make(virtualHost, called.faults);
    made.set(virtualHost, found);
    return [found];
  });
  return {
    listeners: all.flatMap(({ listeners }) => listeners).sort((a, b) => (a.name < b.name ? -1 : 1)),
    routes: all.map(({ routes }) => routes),
    invalid: all.some(({ invalid }) => invalid),
  };
}

function make(virtualHost: VirtualHost, faults: readonly Fault[] | undefined): Made {
  const filters = faultFilters(faults);
  const name = routesName(virtualHost.name, filters);
  // The listener says by its name which service is meant, whatever the call has for its authority.
  const routes = virtualHost.routes.flatMap(grpcRoutes);
  const everything = create(VirtualHostSchema, { name: virtualHost.name, domains: ['*'], routes });
  return {
    faults,
    routes: create(RouteConfigurationSchema, { name, virtualHosts: [everything] }),
    listeners: virtualHost.domains.map((domain) => apiListener(domain, name, filters)),
    invalid: clustersOf(routes).includes(INVALID_BACKEND),
  };
}

/** gRPC needs HTTP/2 all the way. */
export function speaksHttp2(protocol: Protocol | undefined): boolean {
  return protocol === 'grpc' || protocol === 'http2';
}

const clusters = new WeakMap<Cluster, Cluster>();

export function proxylessCluster(cluster: Cluster): Cluster {
  const found = clusters.get(cluster) ?? grpcCluster(cluster);
  clusters.set(cluster, found);
  return found;
}

/** Of routes that lead nowhere: no endpoint, and a call fails. A cluster that does not exist would be waited for, for 15 seconds. */
export const INVALID_CLUSTER = emptyCluster(INVALID_BACKEND);
export const INVALID_ENDPOINTS = create(ClusterLoadAssignmentSchema, { clusterName: INVALID_BACKEND });

const assignments = new WeakMap<ClusterLoadAssignment, ClusterLoadAssignment>();

/**
 * A locality without a weight is left aside by gRPC (gRFC A27), where a proxy takes all alike: each has as many parts as endpoints that are well. One
 * that has none keeps its place, because no priority may be left out.
 */
export function proxylessEndpoints(assignment: ClusterLoadAssignment): ClusterLoadAssignment {
  const found = assignments.get(assignment) ?? create(ClusterLoadAssignmentSchema, {
    clusterName: assignment.clusterName,
    endpoints: assignment.endpoints.map((locality) => ({
      ...locality,
      loadBalancingWeight: Math.max(1, locality.lbEndpoints.filter(({ healthStatus }) => healthStatus === HealthStatus.HEALTHY).length),
    })),
  });
  assignments.set(assignment, found);
  return found;
}
