import { ContainerResources } from 'cdk8s-plus-27';
import { ConsulAgent } from './discovery';

/** How much the planes write to their log. */
export enum LogLevel {
  /** Everything, for the search of a fault. */
  DEBUG = 'debug',
  /** Changes of state. */
  INFO = 'info',
  /** What may become a fault. */
  WARN = 'warn',
  /** Faults. */
  ERROR = 'error',
}

/** The sidecar of every pod. What is left out stands in the manifest with its default. */
export interface ProxyOptions {
  /**
   * Container image.
   *
   * @default - `meshwright/proxy` in the version of this package, by its digest
   */
  readonly image?: string;
  /**
   * Requested and granted CPU and memory; a bound that is left out keeps its default.
   *
   * @default - requests 100m CPU and 128Mi, limits 1000m CPU and 256Mi
   */
  readonly resources?: ContainerResources;
  /**
   * How much it writes to its log.
   *
   * @default LogLevel.INFO
   */
  readonly logLevel?: LogLevel;
  /**
   * Threads that serve traffic, from 1 to 64.
   *
   * They share the pod's limits, breakers and rate limits. More than one is of use where one core does not
   * carry the traffic of a pod; each takes about 20 MB, so raise the CPU limit and the memory with it.
   *
   * @default 1
   */
  readonly concurrency?: number;
}

/** The control plane. What is left out stands in the manifest with its default. */
export interface ControlPlaneOptions {
  /**
   * Container image.
   *
   * @default - `meshwright/control-plane` in the version of this package, by its digest
   */
  readonly image?: string;
  /**
   * Pods. Each serves every proxy; one, by lease, writes status.
   *
   * @default 2
   */
  readonly replicas?: number;
  /**
   * Requested and granted CPU and memory; a bound that is left out keeps its default.
   *
   * @default - requests 100m CPU and 256Mi, limits 1000m CPU and 512Mi
   */
  readonly resources?: ContainerResources;
  /**
   * How much it writes to its log.
   *
   * @default LogLevel.INFO
   */
  readonly logLevel?: LogLevel;
  /**
   * Where services that say so (`Discovery.consul`) have endpoints beside their pods.
   *
   * @default - none
   */
  readonly consul?: ConsulAgent;
}
