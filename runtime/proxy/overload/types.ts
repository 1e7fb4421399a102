/** What is watched. `max` is what counts as a pressure of 1: bytes, or milliseconds for the event loop. */
export interface ResourceMonitor {
  /** As triggers name it. */
  readonly name: string;
  readonly resource: OverloadResource;
  readonly max: number;
}

/**
 * - `heap`: bytes of the heap in use, and of what it holds outside (fixed_heap).
 * - `event_loop_delay`: milliseconds that a timer came late.
 * - `buffered_bytes`: bytes of messages that wait in the proxy, of all workers.
 */
export type OverloadResource = 'heap' | 'event_loop_delay' | 'buffered_bytes';

/**
 * - `stop_reading`: nothing is read from clients, so that what is under way can end.
 * - `stop_accepting_requests`: requests are answered with 503 and `retry-after`.
 */
export type OverloadActionKind = 'stop_reading' | 'stop_accepting_requests';

export interface OverloadAction {
  /** Envoy's, or ours. */
  readonly name: string;
  readonly kind: OverloadActionKind;
  /** Any of them is enough. */
  readonly triggers: readonly { readonly monitor: string; readonly threshold: number }[];
}

/** How an overload manager is, for metrics. */
export interface OverloadState {
  readonly config: OverloadConfig;
  /** By monitor, 0 to 1 and above. */
  readonly pressures: ReadonlyMap<string, number>;
  readonly isStopped: boolean;
  readonly isShedding: boolean;
}

/** envoy.config.overload.v3.OverloadManager. */
export interface OverloadConfig {
  /** Milliseconds between two looks. */
  readonly refreshInterval: number;
  readonly monitors: readonly ResourceMonitor[];
  readonly actions: readonly OverloadAction[];
}
