import type { Clock } from '../../clock';
import type { ProxySnapshot } from '../config/types';
import { UpstreamCluster } from './cluster';

/**
 * The hosts that outlier detection has taken out in a whole pod. Each worker counts the failures that it sees; what is done about them is decided
 * here, once for all workers, by clusters that serve nobody: how many may be out, for how long, and when they come back.
 */
export class Ejections {
  private readonly clusters = new Map<string, UpstreamCluster>();

  /** @param changed called when hosts were ejected or let in again. */
  constructor(private readonly clock: Clock, private readonly changed: () => void) {}

  apply({ clusters, endpoints }: Pick<ProxySnapshot, 'clusters' | 'endpoints'>): void {
    for (const [name, cluster] of this.clusters) {
      if (clusters.get(name)?.outlierDetection) continue;
      cluster.close();
      this.clusters.delete(name);
    }
    for (const [name, config] of clusters) {
      if (!config.outlierDetection) continue;
      let cluster = this.clusters.get(name);
      if (cluster === undefined) {
        // It balances nothing, so needs no chance.
        this.clusters.set(name, cluster = new UpstreamCluster({ ...config, breaker: undefined }, { clock: this.clock, random: () => 0 }));
        cluster.ejectionsChanged = this.changed;
      } else {
        cluster.reconfigure({ ...config, breaker: undefined });
      }
      cluster.update(endpoints.get(name) ?? { clusterName: name, localities: [] });
    }
  }

  /** A worker has seen the host fail often enough. */
  suspect(cluster: string, host: string): void {
    this.clusters.get(cluster)?.suspected(host);
  }

  /** The hosts that are out, by cluster. */
  hosts(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.clusters]
      .map(([name, cluster]) => [name, cluster.hosts().filter(({ ejected }) => ejected).map(({ key }) => key)] as const)
      .filter(([, keys]) => keys.length > 0));
  }

  /** Ejections that were made, by cluster. */
  *made(): Generator<readonly [cluster: string, ejections: number]> {
    for (const [, { config, stats }] of this.clusters) yield [config.statName, stats.outlierEjections];
  }

  close(): void {
    for (const cluster of this.clusters.values()) cluster.close();
    this.clusters.clear();
  }
}
