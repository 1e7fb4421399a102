/** What the router asks of a cluster, and what a cluster asks of nobody: it owns its endpoints, balancer, limits, breaker and ejections. */
import type { ClusterConfig, ClusterEndpoints } from '../config/types';
import type { Resources } from './resources';
import type { ClusterStats } from './stats';

/** One endpoint. The connection pool hangs on it, so that both live and die together. */
export interface Host {
  readonly address: string;
  readonly port: number;
  /** `address:port`. */
  readonly key: string;
  readonly region: string;
  readonly zone: string;
  readonly priority: number;
  readonly weight: number;
  /** EDS and active health checks say healthy, and outlier detection has not ejected it. */
  healthy: boolean;
  /** The parts of `healthy`: what EDS says, what checks found, and whether outlier detection has ejected the host. */
  readonly reportedHealthy: boolean;
  readonly failedHealthCheck: boolean;
  readonly ejected: boolean;
  /** Requests in flight, kept by the router through `Cluster.started`/`finished`. */
  active: number;
  /** Set once the host has left the cluster: its pool closes idle connections and opens none. */
  removed: boolean;
  /** The router's connection pool. */
  pool: HostPool | undefined;
}

/** What the cluster may tell a pool. */
export interface HostPool {
  /** The host has left: close what is idle now, the rest when it becomes idle. */
  drain(): void;
}

/** How one try ended, as outlier detection, breaker and balancer see it. */
export interface TryOutcome {
  /** Status of the upstream's answer; 0 where there was none. */
  readonly status: number;
  /** Why there was no complete answer; undefined where there was one. `cancelled` (the client went away) counts for nobody. */
  readonly failure: 'connect' | 'connect_timeout' | 'reset' | 'per_try_timeout' | 'timeout' | 'protocol' | 'cancelled' | undefined;
  /** Milliseconds from sending to the end of the answer's head. */
  readonly latency: number;
}

/** Why a cluster refuses a request at once. */
export type Refusal = 'circuit_open' | 'requests_overflow' | 'no_healthy_upstream';

export interface Cluster {
  readonly config: ClusterConfig;
  readonly stats: ClusterStats;
  /** Tries admitted and not finished in the whole cluster (of all workers of the pod), those that wait for a connection included; of which retries. */
  readonly activeRequests: number;
  readonly activeRetries: number;
  /** Open connections of all hosts, and tries that wait for one (they count in `activeRequests` too). */
  readonly connections: number;
  readonly pending: number;
  /** What of it is this worker's own; all of it where there is one. */
  readonly resources: Resources;
  /** Whether max_connections lets another connection be made, and max_pending_requests another try wait for one. */
  readonly mayConnect: boolean;
  readonly mayWait: boolean;
  /** Whoever owns connections counts them here, each opened one closed exactly once; likewise tries that wait for one. */
  connectionOpened(): void;
  connectionClosed(): void;
  waitBegan(): void;
  waitEnded(): void;

  /**
   * Asks before every try, the first included: the breaker, then max_requests, in which those that wait for a connection do not count. `undefined` admits, and must be followed by exactly
   * one `finished`. In half-open state exactly one try is admitted until it has finished.
   */
  admit(isRetry: boolean): Refusal | undefined;
  /**
   * Names the admission that the last `admit` gave. The try keeps it and hands it to `finished`, so that the late end of a try from before the
   * breaker opened is not taken for the end of its probe.
   */
  readonly admission: number;
  /**
   * Whether a retry is within max_retries or the retry budget; it is counted by `admit(true)`, so ask once the failed try has `finished`, and
   * again when the wait before the retry is over.
   */
  mayRetry(): boolean;
  /**
   * Picks a host. `hash` is the request's hash as an unsigned 64-bit value in two halves, or undefined where no hash policy found a value;
   * `tried` are the hosts of earlier tries; with `attempts` above 0 they are avoided where the priority has another: that many more picks are
   * made, then one look at all its hosts.
   */
  pick(hash: RequestHash | undefined, tried: readonly Host[] | undefined, attempts: number): Host | undefined;
  /** A host that is no endpoint of the cluster: where one connection of an original_dst cluster was meant to go. `once`: it is for one request. */
  hostOf(address: string, port: number, once?: boolean): Host;
  /** A try goes to `host`, be it over a connection that is yet to be made. One `finished` with this host must follow. */
  started(host: Host): void;
  /**
   * A try that was admitted has ended; `host` is undefined when none was `started`: the end then counts for nobody, like `cancelled`. A try that
   * the pool refused (max_pending_requests, max_connections) is `cancelled` too. `admission` is what the cluster's `admission` was after its
   * `admit`; without it the try is taken for one of the present state.
   */
  finished(host: Host | undefined, outcome: TryOutcome, isRetry: boolean, admission?: number): void;
  /**
   * A try that has finished became a tunnel, which goes on holding its place in max_requests and among the requests in flight at its host until
   * `tunnelClosed`.
   */
  tunnelOpened(host: Host): void;
  tunnelClosed(host: Host): void;
  /** Replaces the endpoints; hosts that stay keep their state and pool. */
  update(endpoints: ClusterEndpoints): void;
  /** Takes a changed configuration; hosts stay, breaker and counters stay where their settings did not change. */
  reconfigure(config: ClusterConfig): void;
  /** What an active health check found of a host. */
  checked(host: Host, healthy: boolean): void;
  /** Called when hosts were ejected or let in again. */
  ejectionsChanged: (() => void) | undefined;
  /** Where one cluster keeps the ejections of all workers: another one has seen the host (by `Host.key`) fail often enough. */
  suspected(key: string): void;
  /** Where another cluster keeps the ejections: the hosts that are out, by key. */
  setEjected(keys: ReadonlySet<string>): void;
  /** All hosts, for admin pages and metrics. */
  hosts(): readonly Host[];
  readonly breakerState: 'closed' | 'open' | 'half_open' | undefined;
  /** Milliseconds until the open breaker lets a probe through; undefined where it is not open. A half-open one with its probe under way says 0. */
  readonly breakerRetryAfter: number | undefined;
  close(): void;
}

/** A 64-bit hash in two halves of 32 bits. Their sign means nothing: who compares them takes `>>> 0`. */
export interface RequestHash {
  readonly hi: number;
  readonly lo: number;
}
