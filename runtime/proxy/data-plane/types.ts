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

/** A connection and what it holds, as admin pages show it. The bytes of all of them are what the proxy's gauge has, but for copies of requests. */
export interface ConnectionView {
  /** A client's, or one to an endpoint that many requests share; one to an endpoint that is a request's alone counts with that request's client. */
  readonly side: 'downstream' | 'upstream';
  /** Of its listener, or its cluster. */
  readonly name: string;
  /** `address:port` of the other end. */
  readonly peer: string;
  /** HTTP/1.1, HTTP/2 or TCP; empty as long as its first bytes do not tell. */
  readonly protocol: string;
  /** Requests under way; a relay of bytes is one. */
  readonly active: number;
  /** Bytes of messages that wait in it. */
  readonly bufferedBytes: number;
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
  /** Every connection of it, in any order. */
  connections(): Promise<readonly ConnectionView[]>;
  /** Opens the files of access logs anew. */
  reopenLogs(): void;
  /** As `Proxy.drain`. */
  drain(deadline: number): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
}
