import type { Families } from '../observe/families';
import type { OverloadState } from './types';

/** What is looked at: `bufferedBytes` of the whole proxy, `mostBuffered` of the connection that holds most. */
export interface OverloadFacts {
  readonly overload: OverloadState | undefined;
  readonly bufferedBytes: number;
  readonly mostBuffered: number;
}

/** What is known of overload, under Envoy's names where it has one, and the bytes that wait in the proxy. */
export function collectOverload({ overload, bufferedBytes, mostBuffered }: OverloadFacts, into: Families): void {
  into.gauge('meshwright_buffered_bytes', 'Bytes of messages that wait in the proxy', 'overload.buffered_bytes').add({}, bufferedBytes);
  into.gauge('meshwright_connection_buffered_bytes_max', 'Bytes of messages that wait in the connection that holds most',
    'overload.connection_buffered_bytes_max', 'same').add({}, mostBuffered);
  if (overload === undefined) return;
  for (const [name, pressure] of overload.pressures) {
    // The worker that is worst off stands for the pod.
    into.gauge('envoy_overload_pressure', 'Pressure of a resource in percent', 'overload.{envoy_resource_monitor}.pressure', 'same')
      .add({ envoy_resource_monitor: name }, Math.round(pressure * 100));
  }
  for (const { name, kind } of overload.config.actions) {
    into.gauge('envoy_overload_active', 'Whether an action is in force', 'overload.{envoy_overload_action}.active', 'same')
      .add({ envoy_overload_action: name }, Number(kind === 'stop_reading' ? overload.isStopped : overload.isShedding));
  }
}
