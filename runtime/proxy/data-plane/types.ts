import type { ClusterConfig, ClusterLimits, ProxySnapshot } from '../config/types';
import type { FamilyData } from '../observe/families';

/** A listener at its address; `port` is the one that the system chose where the configuration says 0. */
export interface BoundListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** An endpoint as admin pages show it. */
export interface HostView {
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly region: string;
  readonly zone: string;
  readonly priority: number;
  readonly weight: number;
  readonly healthy: boolean;
  readonly reportedHealthy: boolean;
  readonly failedHealthCheck: boolean;
  readonly ejected: boolean;
  readonly active: number;
}

/** A cluster as admin pages show it. What is in use of its limits is the pod's, whoever is asked; its counters are those of who is asked. */
export interface ClusterView {
  readonly name: string;
  readonly statName: string;
  readonly discovery: ClusterConfig['discovery'];
  readonly limits: ClusterLimits;
  readonly connections: number;
  readonly pending: number;
  readonly activeRequests: number;
  readonly activeRetries: number;
  readonly breakerState: 'closed' | 'open' | 'half_open' | undefined;
  readonly stats: Readonly<Record<string, number>>;
  readonly hosts: readonly HostView[];
}

/** What a data plane has counted and how it is, as plain data. */
export interface DataPlaneReport {
  readonly families: readonly FamilyData[];
  readonly clusters: readonly ClusterView[];
  /** Of this worker alone: connections of clients that are open, and bytes of the heap in use. */
  readonly connections: number;
  readonly heapBytes: number;
  /** Access logs that cannot be written, with the reason. */
  readonly problems: readonly (readonly [path: string, problem: string])[];
}

/** What serves traffic: one proxy in this thread, or several in threads of their own. */
export interface DataPlane {
  /** Puts a snapshot in force, everywhere; rejects where it cannot be, and the one before goes on, everywhere. */
  apply(snapshot: ProxySnapshot): Promise<void>;
  /** The listeners in force. */
  readonly listeners: readonly BoundListener[];
  report(): Promise<DataPlaneReport>;
  /** Opens the files of access logs anew. */
  reopenLogs(): void;
  /** As `Proxy.drain`. */
  drain(deadline: number): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
}
