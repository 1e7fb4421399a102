import type { SharedMemory } from '../shared-memory';

/** What the clusters of several workers of one pod have in common. */
export interface SharedClusters extends SharedMemory {
  readonly worker: number;
  readonly workers: number;
  /** This worker has counted enough failures of a host in a row: whoever keeps the ejections of the pod decides, and tells all workers. */
  suspect(cluster: string, host: string): void;
}
