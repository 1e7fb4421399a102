import type { ClusterConfig } from '../config/types';
import { UpstreamCluster, type ClusterDependencies } from './cluster';
import type { Cluster } from './types';

export type { ClusterDependencies } from './cluster';
export { ClusterStats } from './stats';
export type { Cluster, Host, HostPool, Refusal, RequestHash, TryOutcome } from './types';

/** A cluster without endpoints: `update` gives it some. */
export function createCluster(config: ClusterConfig, dependencies: ClusterDependencies): Cluster {
  return new UpstreamCluster(config, dependencies);
}
