import type { Families } from './families';

/** What is counted of the control plane's updates, by type URL. */
export interface AdsCounters {
  readonly connected: number;
  readonly streams: number;
  readonly types: Readonly<Record<string, TypeCounters>>;
}

export interface TypeCounters {
  readonly attempt: number;
  readonly success: number;
  readonly rejected: number;
  readonly lastUpdate: number;
}

/** Envoy's metrics of the types that it counts as a whole. */
const ENVOY: Readonly<Record<string, readonly [string, string]>> = {
  Cluster: ['envoy_cluster_manager_cds', 'cluster_manager.cds'],
  Listener: ['envoy_listener_manager_lds', 'listener_manager.lds'],
};

export function collectAds(stats: AdsCounters, into: Families): void {
  into.gauge('envoy_control_plane_connected_state', 'Whether a control plane is connected', 'control_plane.connected_state').add({}, stats.connected);
  into.counter('meshwright_ads_streams_total', 'Streams opened to control planes', 'control_plane.streams').add({}, stats.streams);
  for (const [url, counted] of Object.entries(stats.types)) {
    const type = url.slice(url.lastIndexOf('.') + 1);
    const updates = into.counter('meshwright_ads_updates_total', 'Updates of the control plane by what became of them', 'control_plane.{type}.{result}');
    updates.add({ type, result: 'accepted' }, counted.success);
    updates.add({ type, result: 'rejected' }, counted.rejected);
    const [prometheus, stat] = ENVOY[type] ?? [];
    if (prometheus === undefined || stat === undefined) continue;
    into.counter(`${prometheus}_update_attempt`, 'Updates received', `${stat}.update_attempt`).add({}, counted.attempt);
    into.counter(`${prometheus}_update_success`, 'Updates taken', `${stat}.update_success`).add({}, counted.success);
    into.counter(`${prometheus}_update_rejected`, 'Updates refused', `${stat}.update_rejected`).add({}, counted.rejected);
    into.gauge(`${prometheus}_update_time`, 'Milliseconds since 1970 of the last update taken', `${stat}.update_time`).add({}, counted.lastUpdate);
  }
}
