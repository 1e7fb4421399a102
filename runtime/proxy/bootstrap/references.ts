import type { Listener } from '../../xds';
import type { DecodedCluster, DecodedListener } from '../config/decode';
import { show, type Problems } from '../config/problems';
import { SECRET_KIND } from '../config/secrets';
import { allChains, secretsOf, type RouteTableConfig, type SecretConfig } from '../config/types';
import type { AdsConfig } from './types';

export interface StaticResources {
  readonly listeners: readonly DecodedListener[];
  readonly clusters: readonly DecodedCluster[];
  readonly secrets: readonly SecretConfig[];
  readonly ads: AdsConfig | undefined;
  readonly listenerMessages: readonly Listener[];
  /** Clusters of the control plane; no route may name them. */
  readonly adsCluster: ReadonlySet<string>;
}

/** What one resource says about another: clusters of routes, secrets of TLS, sources that need ADS, an address for each listener. */
export function checkReferences({ listeners, clusters, secrets, ads, listenerMessages, adsCluster }: StaticResources, problems: Problems): void {
  const path = (name: string): string => `static_resources.listeners[${listenerMessages.findIndex((message) => message.name === name)}]`;
  const known = new Set(clusters.map(({ cluster }) => cluster.name));
  const checkSecrets = (needed: ReturnType<typeof secretsOf>, at: string): void => {
    for (const [name, kind] of needed) {
      const secret = secrets.find((item) => item.name === name);
      if (!secret && !ads) problems.add(at, `secret ${show(name)} is none of static_resources.secrets, and there is no dynamic_resources.ads_config to bring it`);
      if (secret && secret.kind !== kind) problems.add(at, `secret ${show(name)} is a ${SECRET_KIND[secret.kind]}; a ${SECRET_KIND[kind]} is needed`);
    }
  };
  const bound = new Map<string, string>();
  for (const { listener, routes } of listeners) {
    const address = `${listener.address}:${listener.port}`;
    const other = listener.port === 0 ? undefined : bound.get(address);
    if (other !== undefined) problems.add(`${path(listener.name)}.address`, `${address} is already that of listener ${show(other)}`);
    bound.set(address, listener.name);
    const unknown = (at: string, cluster: string): void => {
      // A cluster that may still be discovered is not a mistake.
      if (ads?.clusters || known.has(cluster)) return;
      problems.add(at, adsCluster.has(cluster) ? `${show(cluster)} is the control plane's cluster` : `${show(cluster)} is no cluster of static_resources`);
    };
    for (const { name, inline, validateClusters, path: at } of routes) {
      const manager = `${path(listener.name)}.${at}`;
      if (!inline && !ads) problems.add(`${manager}.rds`, `${show(name)} needs dynamic_resources.ads_config`);
      if (!inline || !validateClusters) continue;
      for (const [place, cluster] of clustersOf(inline)) unknown(`${manager}.route_config.${place}`, cluster);
    }
    for (const { key, filter, transportSocket } of allChains(listener)) {
      if (transportSocket) checkSecrets(secretsOf(transportSocket), `${path(listener.name)}: transport_socket of filter chain ${show(key)}`);
      if (filter.kind === 'tcp_proxy') filter.clusters.forEach(({ cluster }) => unknown(`${path(listener.name)}: tcp_proxy of filter chain ${show(key)}`, cluster));
    }
  }
  clusters.forEach(({ cluster }) => {
    if (cluster.transportSocket) checkSecrets(secretsOf(cluster.transportSocket), `static_resources.clusters: transport_socket of ${show(cluster.name)}`);
    if (cluster.discovery === 'eds' && !ads) problems.add('static_resources.clusters', `${show(cluster.name)} is of type EDS and needs dynamic_resources.ads_config`);
  });
}

function* clustersOf(table: RouteTableConfig): Generator<[string, string]> {
  for (const [h, host] of table.virtualHosts.entries()) {
    for (const [r, { action }] of host.routes.entries()) {
      if (action.kind !== 'route') continue;
      const at = `virtual_hosts[${h}].routes[${r}].route`;
      for (const [c, { cluster }] of action.clusters.entries()) {
        yield [action.clusters.length === 1 ? `${at}.cluster` : `${at}.weighted_clusters.clusters[${c}].name`, cluster];
      }
    }
  }
}
