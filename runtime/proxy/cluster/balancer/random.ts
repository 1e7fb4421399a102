import type { ClusterHost } from '../host';
import type { Balancer } from './types';

/** Any host, with a chance in proportion to its weight. */
export class RandomBalancer implements Balancer {
  private hosts: readonly ClusterHost[] = [];
  /** Sum of the weights up to and with each host. */
  private sums = new Float64Array(0);

  constructor(private readonly random: () => number) {}

  setHosts(hosts: readonly ClusterHost[]): void {
    this.hosts = hosts;
    this.sums = new Float64Array(hosts.length);
    let sum = 0;
    hosts.forEach((host, index) => { this.sums[index] = sum += host.weight; });
  }

  pick(): ClusterHost | undefined {
    const { hosts, sums } = this;
    const count = hosts.length;
    if (count === 0) return undefined;
    const point = this.random() * sums[count - 1]!;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > point) high = middle;
      else low = middle + 1;
    }
    return hosts[low];
  }
}
