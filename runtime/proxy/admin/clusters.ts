import type { ClusterView, HostView } from '../data-plane/types';

/** Envoy's `/clusters` in text: `cluster::endpoint::name::value`, with the state of our circuit breaker. */
export function clustersText(clusters: Iterable<ClusterView>): string {
  let text = '';
  for (const cluster of clusters) {
    const { name, statName, limits } = cluster;
    const line = (...parts: (string | number)[]): void => { text += `${[name, ...parts].join('::')}\n`; };
    line('observability_name', statName);
    line('default_priority', 'max_connections', limits.maxConnections);
    line('default_priority', 'max_pending_requests', limits.maxPendingRequests);
    line('default_priority', 'max_requests', limits.maxRequests);
    line('default_priority', 'max_retries', limits.maxRetries);
    if (cluster.breakerState !== undefined) line('circuit_breaker', 'state', cluster.breakerState);
    for (const [stat, value] of clusterStats(cluster)) line(stat, value);
    for (const host of cluster.hosts) {
      line(host.key, 'rq_active', host.active);
      line(host.key, 'health_flags', healthFlags(host));
      line(host.key, 'weight', host.weight);
      line(host.key, 'region', host.region);
      line(host.key, 'zone', host.zone);
      line(host.key, 'priority', host.priority);
    }
  }
  return text;
}

/** Envoy's `/clusters?format=json`. */
export function clustersJson(clusters: Iterable<ClusterView>): unknown {
  return {
    cluster_statuses: [...clusters].map((cluster) => ({
      name: cluster.name,
      observability_name: cluster.statName,
      added_via_api: cluster.discovery === 'eds',
      circuit_breakers: {
        thresholds: [{
          max_connections: cluster.limits.maxConnections,
          max_pending_requests: cluster.limits.maxPendingRequests,
          max_requests: cluster.limits.maxRequests,
          max_retries: cluster.limits.maxRetries,
        }],
      },
      circuit_breaker_state: cluster.breakerState,
      stats: Object.fromEntries(clusterStats(cluster)),
      host_statuses: cluster.hosts.map(hostJson),
    })),
  };
}

function hostJson(host: HostView): unknown {
  return {
    address: { socket_address: { address: host.address, port_value: host.port } },
    stats: [{ type: 'GAUGE', name: 'rq_active', value: String(host.active) }],
    health_status: { eds_health_status: host.reportedHealthy ? 'HEALTHY' : 'UNHEALTHY', failed_active_health_check: host.failedHealthCheck, failed_outlier_check: host.ejected },
    weight: host.weight,
    priority: host.priority,
    locality: { region: host.region, zone: host.zone },
  };
}

/** Envoy's words. */
function healthFlags(host: HostView): string {
  if (host.healthy) return 'healthy';
  return `${host.failedHealthCheck ? '/failed_active_hc' : ''}${host.ejected ? '/failed_outlier_check' : ''}${host.reportedHealthy ? '' : '/failed_eds_health'}`;
}

/** What is now, and every counter under the name it has in the code: `rqRetry` is `rq_retry`. */
function clusterStats(cluster: ClusterView): [string, number][] {
  return [
    ['cx_active', cluster.connections], ['rq_active', cluster.activeRequests], ['rq_pending', cluster.pending], ['retries_active', cluster.activeRetries],
    ...Object.entries(cluster.stats).map(([name, value]): [string, number] => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  ];
}
