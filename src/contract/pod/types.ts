import type { ControlPlanePlace } from './bootstrap';
import type { InterceptionSpec } from './interception';

/** A pod's spec in plain data. */
export type PodSpec = Record<string, any>;

/** A variable of a container's environment. */
export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** `resources` of a container. */
export interface ResourceRequirements {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** What a mesh says of all its proxies. */
export interface ProxySettings {
  readonly image: string;
  readonly resources: ResourceRequirements;
  readonly logLevel: string;
  /** Threads that serve traffic. */
  readonly concurrency: number;
}

/** What the sidecar of a pod needs to know. */
export interface PodIdentity {
  /** Undefined: a guest, which belongs to no service and is known by its account. */
  readonly service: string | undefined;
  /** Of a guest. */
  readonly serviceAccount?: string;
  readonly namespace: string;
  readonly version: string;
  readonly controlPlane: ControlPlanePlace;
  readonly proxy: ProxySettings;
  /** What is redirected to the proxy; undefined: the application sends to it what is meant for the mesh. */
  readonly interception?: InterceptionSpec;
  /** What it has instead of a sidecar. */
  readonly dataPlane?: 'proxyless-grpc' | 'none';
}
