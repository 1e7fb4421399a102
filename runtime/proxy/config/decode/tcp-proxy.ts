import type { TcpProxy } from '../../../xds';
import type { Problems } from '../problems';
import type { TcpProxyConfig } from '../types';
import { accessLog } from './access-log';
import { durationOrOff, inRange, positiveDuration } from './scalars';

/** Envoy's default. */
const IDLE_TIMEOUT = 3_600_000;
const MAX_ATTEMPTS = 1_000;

export function tcpProxy(proxy: TcpProxy, path: string, problems: Problems): TcpProxyConfig {
  if (proxy.statPrefix === '') problems.add(`${path}.stat_prefix`, 'is required');
  if (proxy.accessLog.length > 1) problems.add(`${path}.access_log`, `there are ${proxy.accessLog.length}; at most one is supported`);
  if (proxy.hashPolicy.length > 1) problems.add(`${path}.hash_policy`, `there are ${proxy.hashPolicy.length}; at most one is supported`);
  if (proxy.hashPolicy.length === 1 && proxy.hashPolicy[0].policySpecifier.case !== 'sourceIp') {
    problems.add(`${path}.hash_policy[0].source_ip`, 'is required: the only policy');
  }
  return {
    kind: 'tcp_proxy',
    statPrefix: proxy.statPrefix,
    clusters: clusters(proxy, path, problems),
    idleTimeout: durationOrOff(proxy.idleTimeout, IDLE_TIMEOUT, `${path}.idle_timeout`, problems),
    maxDuration: positiveDuration(proxy.maxDownstreamConnectionDuration, 0, `${path}.max_downstream_connection_duration`, problems),
    maxConnectAttempts: inRange(proxy.maxConnectAttempts ?? 1, 1, MAX_ATTEMPTS, `${path}.max_connect_attempts`, problems),
    hashSourceIp: proxy.hashPolicy.length > 0,
    accessLog: proxy.accessLog.length === 0 ? undefined : accessLog(proxy.accessLog[0], `${path}.access_log[0]`, problems),
  };
}

function clusters(proxy: TcpProxy, path: string, problems: Problems): TcpProxyConfig['clusters'] {
  const specifier = proxy.clusterSpecifier;
  switch (specifier.case) {
    case 'cluster':
      if (specifier.value === '') problems.add(`${path}.cluster`, 'is required');
      return [{ cluster: specifier.value, weight: 1 }];
    case 'weightedClusters':
      if (specifier.value.clusters.length === 0) problems.add(`${path}.weighted_clusters.clusters`, 'must have at least one');
      return specifier.value.clusters.map(({ name, weight }, index) => {
        const at = `${path}.weighted_clusters.clusters[${index}]`;
        if (name === '') problems.add(`${at}.name`, 'is required');
        return { cluster: name, weight: inRange(weight, 1, 0xffffffff, `${at}.weight`, problems) };
      });
    default:
      problems.add(path, 'needs cluster or weighted_clusters');
      return [];
  }
}
