import type { ClusterHost } from '../host';
import { Schedule } from './schedule';
import { sameWeights, type Balancer } from './types';

/**
 * One host after the other; with unequal weights in proportion and evenly apart. It starts at a random host, or many proxies that start together
 * would walk in step.
 */
export class RoundRobinBalancer implements Balancer {
  private hosts: readonly ClusterHost[] = [];
  private schedule: Schedule | undefined;
  private next: number;

  constructor(private readonly random: () => number) {
    this.next = Math.floor(random() * 0x1000000);
  }

  setHosts(hosts: readonly ClusterHost[]): void {
    this.hosts = hosts;
    if (hosts.length === 0 || sameWeights(hosts)) {
      this.schedule = undefined;
      return;
    }
    this.schedule = new Schedule(hosts.map((host) => host.weight));
    for (let skip = Math.floor(this.random() * hosts.length); skip > 0; skip--) this.schedule.next();
  }

  pick(): ClusterHost | undefined {
    const { hosts } = this;
    if (hosts.length === 0) return undefined;
    if (this.schedule) return hosts[this.schedule.next()];
    const at = this.next % hosts.length;
    this.next = this.next >= 0x3fffffff ? (at + 1) % hosts.length : this.next + 1;
    return hosts[at];
  }
}
