import type { Cluster, Host } from '../cluster';
import { authority } from '../listener/address';
import { Inspector } from '../listener/inspector';
import type { Proxy } from '../proxy';
import type { ClusterView, ConnectionView, DataPlaneReport, HostView } from './types';

/** A cluster as it is now. */
export function viewOf(cluster: Cluster): ClusterView {
  const { config, connections, pending, activeRequests, activeRetries, breakerState } = cluster;
  const { name, statName, discovery, limits } = config;
  const stats = Object.fromEntries(Object.entries(cluster.stats).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  const hosts = cluster.hosts().map(viewOfHost);
  return { name, statName, discovery, limits, connections, pending, activeRequests, activeRetries, breakerState, stats, hosts };
}

function viewOfHost(host: Host): HostView {
  const { key, address, port, region, zone, priority, weight, healthy, reportedHealthy, failedHealthCheck, ejected, active } = host;
  return { key, address, port, region, zone, priority, weight, healthy, reportedHealthy, failedHealthCheck, ejected, active };
}

/** The connections of a proxy, with what each of them holds. */
export function connectionsOf(proxy: Proxy): ConnectionView[] {
  const views: ConnectionView[] = [];
  for (const listener of proxy.allListeners) {
    for (const connection of listener.connections()) {
      const { peerAddress, peerPort, bufferedBytes } = connection;
      const { speaks = '', underWay = 0 } = connection instanceof Inspector ? {} : connection;
      views.push({ side: 'downstream', name: listener.name, peer: authority(peerAddress, peerPort), protocol: speaks, active: underWay, bufferedBytes });
    }
  }
  for (const pool of proxy.pools) {
    for (const { host, streams, connection: { pendingBytes } } of pool.shared()) {
      views.push({ side: 'upstream', name: pool.cluster.config.name, peer: host.key, protocol: 'HTTP/2', active: streams.size, bufferedBytes: pendingBytes });
    }
  }
  return views;
}

/** What the connection holds that holds most. */
export function mostBuffered(proxy: Proxy): number {
  let most = 0;
  for (const listener of proxy.allListeners) for (const { bufferedBytes } of listener.connections()) most = Math.max(most, bufferedBytes);
  for (const pool of proxy.pools) for (const { connection: { pendingBytes } } of pool.shared()) most = Math.max(most, pendingBytes);
  return most;
}

/** The clusters of a pod from what its workers see: counters and requests in flight add up, the rest is the same in all. */
export function mergeClusters(reports: readonly DataPlaneReport[]): ClusterView[] {
  const merged = new Map<string, ClusterView>();
  for (const { clusters } of reports) {
    for (const cluster of clusters) {
      const other = merged.get(cluster.name);
      merged.set(cluster.name, other === undefined ? cluster : mergeTwo(other, cluster));
    }
  }
  return [...merged.values()];
}

function mergeTwo(one: ClusterView, other: ClusterView): ClusterView {
  const active = new Map(other.hosts.map((host) => [host.key, host.active]));
  return {
    ...one,
    stats: Object.fromEntries(Object.entries(one.stats).map(([name, value]) => [name, value + (other.stats[name] ?? 0)])),
    hosts: one.hosts.map((host) => ({ ...host, active: host.active + (active.get(host.key) ?? 0) })),
  };
}
