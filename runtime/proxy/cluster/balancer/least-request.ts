import type { ClusterHost } from '../host';
import { sameWeights, type Balancer } from './types';

/**
 * Draws `choices` hosts at random and takes the one with the fewest requests in flight: two already spare the busiest hosts, and proxies that
 * decide apart do not all rush to the one idle host (Mitzenmacher, The Power of Two Choices). Two draws in a row are never the same host.
 *
 * With unequal weights, as Envoy, the choice is a weighted round robin whose weights are weight / (requests in flight + 1), taken anew for a host
 * whenever it is picked.
 */
export class LeastRequestBalancer implements Balancer {
  private hosts: readonly ClusterHost[] = [];
  private weighted: DynamicSchedule | undefined;

  constructor(private readonly choices: number, private readonly random: () => number) {}

  setHosts(hosts: readonly ClusterHost[]): void {
    this.hosts = hosts;
    this.weighted = hosts.length === 0 || sameWeights(hosts) ? undefined : new DynamicSchedule(hosts, this.random);
  }

  pick(tried: readonly ClusterHost[] | undefined): ClusterHost | undefined {
    if (this.weighted) return this.weighted.next();
    const { hosts } = this;
    const count = hosts.length;
    if (count <= 1) return hosts[0];
    let at = Math.floor(this.random() * count);
    let best = hosts[at]!;
    for (let choice = 1; choice < this.choices; choice++) {
      // One of the other hosts, each as likely: the last draw is left out by drawing from one fewer and stepping over it.
      const drawn = Math.floor(this.random() * (count - 1));
      at = drawn >= at ? drawn + 1 : drawn;
      const host = hosts[at]!;
      if (isBetter(host, best, tried)) best = host;
    }
    return best;
  }
}

function isBetter(host: ClusterHost, best: ClusterHost, tried: readonly ClusterHost[] | undefined): boolean {
  if (tried !== undefined && tried.length > 0) {
    const hostTried = tried.includes(host);
    if (hostTried !== tried.includes(best)) return !hostTried;
  }
  return host.active < best.active;
}

/** Earliest deadline first where a host's weight is what it is at the moment that it is put back. */
class DynamicSchedule {
  private readonly heap: Int32Array;
  private readonly deadline: Float64Array;
  private now = 0;

  constructor(private readonly hosts: readonly ClusterHost[], random: () => number) {
    this.heap = new Int32Array(hosts.length).map((_, index) => index);
    this.deadline = new Float64Array(hosts.length);
    // A random part of the first interval each, or every rebuild would begin with the heaviest host.
    hosts.forEach((host, index) => { this.deadline[index] = (random() * (host.active + 1)) / host.weight; });
    for (let i = (hosts.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  next(): ClusterHost {
    const entry = this.heap[0]!;
    const host = this.hosts[entry]!;
    this.now = this.deadline[entry]!;
    // The request that is about to start counts: + 1 for it, + 1 as an idle host has weight / 1.
    this.deadline[entry] = this.now + (host.active + 1) / host.weight;
    this.sink(0);
    return host;
  }

  private sink(from: number): void {
    const { heap, deadline } = this;
    const entry = heap[from]!;
    const due = deadline[entry]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && deadline[heap[child + 1]!]! < deadline[heap[child]!]!) child++;
      if (deadline[heap[child]!]! >= due) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}
