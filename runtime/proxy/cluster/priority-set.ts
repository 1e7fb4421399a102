import type { BalancerConfig, LocalityEndpoints } from '../config/types';
import { createBalancer, RingHashBalancer, sameList, Schedule, type Balancer } from './balancer';
import type { ClusterHost } from './host';
import { effectiveLocalityWeight } from './priority';
import type { RequestHash } from './types';

/** A locality as an assignment names it, with its hosts. */
export interface LocalityHosts {
  readonly locality: LocalityEndpoints;
  readonly hosts: readonly ClusterHost[];
}

/** A balancer and the hosts it was given last. */
interface Source {
  readonly balancer: Balancer;
  /** Undefined: what it has is out of date. */
  hosts: readonly ClusterHost[] | undefined;
}

function nameOf({ region, zone }: LocalityEndpoints): string {
  return `${region}/${zone}`;
}

/**
 * The hosts of one priority and what picks among them. With locality weights, a locality is picked first, in proportion to its weight × health,
 * and then one of its hosts; without, all hosts are one list. In panic neither health nor locality counts, as in Envoy.
 */
export class PrioritySet {
  healthyCount = 0;
  private localities: readonly LocalityHosts[] = [];
  private all: readonly ClusterHost[] = [];
  private eligible: readonly ClusterHost[] = [];
  private panic = false;
  private weighted = false;
  private reassigned = true;
  /** By locality; '' is all of them in one. Kept over changes, so that a round robin goes on where it was. */
  private readonly sources = new Map<string, Source>();
  private single: Balancer | undefined;
  private schedule: Schedule | undefined;
  private scheduled: Balancer[] = [];
  private readonly ring: RingHashBalancer | undefined;

  constructor(readonly priority: number, private readonly config: BalancerConfig, private readonly random: () => number) {
    this.ring = config.kind === 'ring_hash' ? new RingHashBalancer(config.minimumRingSize, config.maximumRingSize) : undefined;
  }

  get count(): number {
    return this.all.length;
  }

  /**
   * Takes a new assignment. Where localities share by weight, one without a weight gets nothing (LocalityLbEndpoints.load_balancing_weight);
   * where none has one, there is nothing to share by. A locality that stands twice is one, with the weight that it has last.
   */
  assign(localities: readonly LocalityHosts[], localityWeighted: boolean): void {
    const byName = new Map<string, LocalityHosts>();
    for (const { locality, hosts } of localities) {
      const name = nameOf(locality);
      byName.set(name, { locality, hosts: [...(byName.get(name)?.hosts ?? []), ...hosts] });
    }
    this.localities = [...byName.values()];
    this.all = this.localities.flatMap(({ hosts }) => hosts);
    this.weighted = localityWeighted && this.localities.some(({ locality }) => locality.weight > 0);
    this.reassigned = true;
    for (const [name, source] of this.sources) {
      if (name !== '' && !byName.has(name)) this.sources.delete(name);
      // Weights may have changed, so that even the same hosts have to be given again.
      source.hosts = undefined;
    }
    this.countHealthy();
  }

  countHealthy(): void {
    this.healthyCount = this.all.reduce((count, host) => count + (host.healthy ? 1 : 0), 0);
  }

  /** Makes ready to pick after health or the assignment changed. */
  rebuild(panic: boolean, overprovisioningFactor: number): void {
    this.panic = panic;
    this.eligible = panic ? this.all : this.all.filter((host) => host.healthy);
    if (this.ring) {
      if (this.reassigned) this.ring.setHosts(this.ringHosts());
    } else {
      const byLocality = this.weighted && !panic && this.scheduleLocalities(overprovisioningFactor);
      this.single = byLocality ? undefined : this.give('', this.eligible);
    }
    this.reassigned = false;
  }

  /** One host; see `Cluster.pick`. O(log n), allocates nothing. */
  pick(hash: RequestHash, tried: readonly ClusterHost[] | undefined, attempts: number): ClusterHost | undefined {
    if (this.eligible.length === 0) return undefined;
    const avoid = attempts > 0 && tried !== undefined && tried.length > 0 ? tried : undefined;
    if (this.ring) return this.ring.pick(hash, this.panic, avoid);
    const first = this.pickOne(avoid);
    if (avoid === undefined || first === undefined || !avoid.includes(first)) return first;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const host = this.pickOne(avoid)!;
      if (!avoid.includes(host)) return host;
    }
    return this.untried(avoid) ?? first;
  }

  private pickOne(tried: readonly ClusterHost[] | undefined): ClusterHost | undefined {
    return (this.single ?? this.scheduled[this.schedule!.next()]!).pick(tried);
  }

  /** A look at all hosts, from a random one on. */
  private untried(tried: readonly ClusterHost[]): ClusterHost | undefined {
    const count = this.eligible.length;
    const start = Math.floor(this.random() * count);
    for (let i = 0; i < count; i++) {
      const host = this.eligible[(start + i) % count]!;
      if (!tried.includes(host)) return host;
    }
    return undefined;
  }

  /** The balancer of that name, with these hosts; told only where something changed. */
  private give(name: string, hosts: readonly ClusterHost[]): Balancer {
    let source = this.sources.get(name);
    if (!source) {
      if (this.config.kind === 'ring_hash') throw new Error('a ring needs no other balancer');
      source = { balancer: createBalancer(this.config, this.random), hosts: undefined };
      this.sources.set(name, source);
    }
    if (source.hosts === undefined || !sameList(source.hosts, hosts)) source.balancer.setHosts(hosts);
    source.hosts = hosts;
    return source.balancer;
  }

  /** False where no locality with a weight has a healthy host: then all healthy hosts are one list, as in Envoy. */
  private scheduleLocalities(overprovisioningFactor: number): boolean {
    const weights: number[] = [];
    this.scheduled = [];
    for (const { locality, hosts } of this.localities) {
      const healthy = hosts.filter((host) => host.healthy);
      const weight = effectiveLocalityWeight(locality.weight, { total: hosts.length, healthy: healthy.length }, overprovisioningFactor);
      if (weight <= 0) continue;
      weights.push(weight);
      this.scheduled.push(this.give(nameOf(locality), healthy));
    }
    this.schedule = new Schedule(weights);
    return weights.length > 0;
  }

  /** A host's share of the ring: its part of its locality's weight, or its own weight where localities have none. */
  private ringHosts(): { host: ClusterHost; weight: number }[] {
    return this.localities.flatMap(({ locality, hosts }) => {
      const sum = hosts.reduce((total, host) => total + host.weight, 0);
      return hosts.map((host) => ({ host, weight: this.weighted ? (locality.weight * host.weight) / sum : host.weight }));
    });
  }
}
