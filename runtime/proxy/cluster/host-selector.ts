import type { ClusterConfig } from '../config/types';
import type { ClusterHost } from './host';
import { priorityLoad } from './priority';
import { PrioritySet, type LocalityHosts } from './priority-set';
import type { ClusterStats } from './stats';
import type { RequestHash } from './types';

const TWO_TO_32 = 0x100000000;

/** Picks a priority, then a host of it. Changes are taken up by the next pick, many at once. */
export class HostSelector {
  private sets: readonly PrioritySet[] = [];
  private localities: readonly LocalityHosts[] = [];
  /** Percent of the load up to and with each priority. */
  private loadSums: readonly number[] = [];
  private panic: readonly boolean[] = [];
  /** The one priority with all of the load, the usual case; -1 where several share it. */
  private only = 0;
  private dirty = true;
  /** Stands in for the hash that a request did not bring. */
  private readonly chance = { hi: 0, lo: 0 };

  constructor(private config: ClusterConfig, private readonly stats: ClusterStats, private readonly random: () => number) {}

  /** Takes settings; the balancers begin anew where theirs changed. */
  reconfigure(config: ClusterConfig, balancerChanged: boolean): void {
    this.config = config;
    if (balancerChanged) this.sets = [];
    this.assign(this.localities);
  }

  /** Takes an assignment, hosts already made. */
  assign(localities: readonly LocalityHosts[]): void {
    this.localities = localities;
    const priorities = [...new Set(localities.map(({ locality }) => locality.priority))].sort((left, right) => left - right);
    this.sets = priorities.map((priority) => {
      const set = this.sets.find((known) => known.priority === priority) ?? new PrioritySet(priority, this.config.balancer, this.random);
      set.assign(localities.filter(({ locality }) => locality.priority === priority), this.config.localityWeighted);
      return set;
    });
    this.dirty = true;
  }

  /** The health of some host changed. */
  invalidate(): void {
    this.dirty = true;
  }

  pick(hash: RequestHash | undefined, tried: readonly ClusterHost[] | undefined, attempts: number): ClusterHost | undefined {
    if (this.dirty) this.rebuild();
    const used = hash ?? this.chance;
    if (hash === undefined && this.config.balancer.kind === 'ring_hash') {
      this.chance.hi = (this.random() * TWO_TO_32) | 0;
      this.chance.lo = (this.random() * TWO_TO_32) | 0;
    }
    const index = this.only >= 0 ? this.only : this.choosePriority(used);
    const set = this.sets[index];
    if (set === undefined) return undefined;
    if (this.panic[index]) this.stats.lbHealthyPanic++;
    return set.pick(used, tried, attempts);
  }

  /**
   * With a ring a key keeps to its priority: the hash decides. Its upper half, unlike in Envoy, where a cluster that was itself picked by this
   * hash modulo the sum of the weights, usually 100 too, would see only some percents of it.
   */
  private choosePriority(hash: RequestHash): number {
    const percent = this.config.balancer.kind === 'ring_hash'
      ? ((hash.hi >>> 0) % 100) + 1
      : Math.floor(this.random() * 100) + 1;
    const { loadSums } = this;
    for (let index = 0; index < loadSums.length; index++) if (percent <= loadSums[index]!) return index;
    return loadSums.length - 1;
  }

  private rebuild(): void {
    this.dirty = false;
    const { overprovisioningFactor, panicThreshold } = this.config;
    for (const set of this.sets) set.countHealthy();
    const health = this.sets.map((set) => ({ total: set.count, healthy: set.healthyCount }));
    const { load, panic } = priorityLoad(health, overprovisioningFactor, panicThreshold);
    this.sets.forEach((set, index) => set.rebuild(panic[index]!, overprovisioningFactor));
    this.panic = panic;
    let sum = 0;
    this.loadSums = load.map((percent) => (sum += percent));
    this.only = load.findIndex((percent) => percent === 100);
    if (this.sets.length === 0) this.only = 0;
  }
}
