import type { ClusterHost } from '../host';

/**
 * Picks among the hosts of one priority, or of one locality of it. `setHosts` may allocate and take its time; `pick` does neither.
 */
export interface Balancer {
  /**
   * Takes the hosts to pick from, only those that may be picked. Called lazily, after something changed; the balancer keeps what it can of its
   * position.
   */
  setHosts(hosts: readonly ClusterHost[]): void;
  /** A host, or undefined where there is none. `tried` are hosts to avoid if that costs nothing; the caller picks again where it needs to. */
  pick(tried: readonly ClusterHost[] | undefined): ClusterHost | undefined;
}

/** Whether all hosts weigh the same, which spares the weighted structures. */
export function sameWeights(hosts: readonly ClusterHost[]): boolean {
  return hosts.every((host) => host.weight === hosts[0]!.weight);
}

/** The same hosts in the same order: nothing to rebuild, unless weights count. */
export function sameList(left: readonly ClusterHost[], right: readonly ClusterHost[]): boolean {
  return left.length === right.length && left.every((host, index) => host === right[index]);
}
