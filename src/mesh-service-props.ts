import { Duration } from 'cdk8s';
import { Workload } from 'cdk8s-plus-27';
import { Authorization } from './authorization';
import { CallRule } from './call-rule';
import { ContainerOptions } from './container-options';
import { DataPlane } from './data-plane';
import { Discovery } from './discovery';
import { HttpMethod } from './http-method';
import { Interception } from './interception';
import { Mesh } from './mesh';
import { NetworkIsolation } from './network-isolation';
import { OutsideTraffic } from './outside-traffic';
import { Region } from './region';
import { IServicePolicy } from './service-policy';
import { ServicePort } from './service-port';
import { Timeout } from './timeout';
import { TrafficEncryption } from './traffic-encryption';
import { TrafficPolicy } from './traffic-policy';

/** Properties of every service. */
export interface MeshServiceBaseProps extends TrafficPolicy {
  /** The mesh that it joins. */
  readonly mesh: Mesh;
  /** The port that it serves. */
  readonly port: ServicePort;
  /**
   * Name of the Kubernetes Service, and of everything else that is emitted for it: a DNS label.
   *
   * @default - the construct's id
   */
  readonly name?: string;
  /**
   * What its pods take. `TrafficEncryption.PERMISSIVE` lets in anybody who can reach them, without a word of who it is.
   *
   * @default - as the mesh says
   */
  readonly encryption?: TrafficEncryption;
  /**
   * What becomes of calls to it that nobody declares.
   *
   * @default - as the mesh says
   */
  readonly authorization?: Authorization;
  /**
   * The NetworkPolicy that is emitted for its pods.
   *
   * @default - as the mesh says
   */
  readonly networkIsolation?: NetworkIsolation;
  /**
   * What its pods may reach that is no service of the mesh.
   *
   * @default - as the mesh says
   */
  readonly outsideTraffic?: OutsideTraffic;
  /**
   * Where it has endpoints beside its pods.
   *
   * @default - only its pods
   */
  readonly discovery?: Discovery;
  /**
   * Where it runs: its pods are bound to these regions and spread over their zones.
   *
   * @default - wherever the scheduler puts it
   */
  readonly regions?: Region[];
  /**
   * What stands between its pods and the mesh.
   *
   * @default DataPlane.SIDECAR
   */
  readonly dataPlane?: DataPlane;
  /**
   * How connections of its applications come to their proxies.
   *
   * @default - as the mesh says
   */
  readonly interception?: Interception;
  /**
   * Policies beside those of the mesh.
   *
   * @default - those of the mesh
   */
  readonly policies?: IServicePolicy[];
  /**
   * Pods of each version that a node drain may take away at once (PodDisruptionBudget).
   *
   * @default 1
   */
  readonly maxUnavailable?: number;
  /**
   * Typical time to answer. Emits nothing: it is a fact for the checks of capacity.
   *
   * @default - not known, and not checked
   */
  readonly expectedLatency?: Duration;
  /**
   * Methods that the service takes a second time without harm, beside those that RFC 9110 §9.2.2 calls idempotent. Emits nothing: it is a fact
   * for the check of retries.
   *
   * @default - none
   */
  readonly idempotentMethods?: HttpMethod[];
}

/** Properties of `MeshService`. */
export interface MeshServiceProps extends MeshServiceBaseProps, ContainerOptions {
  /**
   * Pods.
   *
   * @default 1
   */
  readonly replicas?: number;
  /**
   * The one time that a pod has to end, in whole seconds: the application goes on for its first third, at most five seconds, while callers hear that the
   * pod leaves; then it is told to end, its sidecar after it, and what is under way has the rest.
   *
   * @default Duration.seconds(30)
   */
  readonly terminationGracePeriod?: Duration;
}

/** Properties of `MeshService.fromWorkload`. */
export interface WorkloadServiceProps extends MeshServiceBaseProps {
  /** A `Deployment` or `StatefulSet` of yours. */
  readonly workload: Workload;
}

/** Options of `MeshService.calls`. */
export interface CallOptions {
  /**
   * What the caller may ask for; the called denies anything else. Services of `tcp` have no requests, and no rules.
   *
   * @default - everything
   */
  readonly allow?: CallRule[];
  /**
   * Port of the loopback at which the application reaches a `tcp` service, through its proxy: a number that nothing else in the pod listens on. The
   * container gets `<NAME>_SERVICE_HOST` and `<NAME>_SERVICE_PORT`, such as `DB_SERVICE_PORT`; of a service in another namespace
   * `<NAME>_<NAMESPACE>_SERVICE_HOST`. Services of HTTP and gRPC are reached by their names, and have no such port.
   *
   * @default - the number of the upstream's own port
   */
  readonly localPort?: number;
  /**
   * Bound of this caller's calls, instead of the upstream's.
   *
   * @default - that of the upstream
   */
  readonly timeout?: Timeout;
  /**
   * Calls a second that this service makes, of all its pods together. Emits nothing: it is a fact for the checks of capacity.
   *
   * @default - not known, and not checked
   */
  readonly requestsPerSecond?: number;
  /**
   * Calls that this service has in flight at its peaks, of all its pods together. Emits nothing: it is a fact for the checks of capacity.
   *
   * @default - not known, and not checked
   */
  readonly concurrentRequests?: number;
}
