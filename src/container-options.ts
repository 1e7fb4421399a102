import { ContainerResources } from 'cdk8s-plus-27';

/** How far the application's container is shut in. What is not set is the safe choice. */
export interface ContainerSecurityOptions {
  /**
   * User that the container runs as; not 1337, which is the sidecar's.
   *
   * @default - the image's own, which must not be root
   */
  readonly runAsUser?: number;
  /**
   * Lets the container write to its own file system.
   *
   * @default false - it can write to /tmp only
   */
  readonly writableRootFilesystem?: boolean;
}

/** The application's container. For more than this, write a cdk8s-plus `Deployment` and have it join by `MeshService.fromWorkload`. */
export interface ContainerOptions {
  /** Container image. */
  readonly image: string;
  /**
   * Requested and granted CPU and memory.
   *
   * @default - no request, no limit; of a version: as the service
   */
  readonly resources?: ContainerResources;
  /**
   * Environment. `HTTP_PROXY`, `NO_PROXY` and their lower-case forms are added where they are not set, and where services of `tcp` are reached
   * (`CallOptions.localPort`).
   *
   * @default - none; of a version: as the service
   */
  readonly env?: { [name: string]: string };
  /**
   * Entry point, instead of the image's.
   *
   * @default - the image's; of a version: as the service
   */
  readonly command?: string[];
  /**
   * Arguments of the entry point, instead of the image's.
   *
   * @default - the image's; of a version: as the service
   */
  readonly args?: string[];
  /**
   * Path that is asked by GET, over HTTP/1.1, on the service's port: a pod gets requests while it answers 200 to 399. A server of HTTP/2 must take
   * HTTP/1.1 too for that; services of `grpc` and `tcp` have none.
   *
   * @default - a pod gets requests as soon as its containers run; of a version: as the service
   */
  readonly readinessPath?: string;
  /**
   * Exceptions from the hardened security context.
   *
   * @default - none: not root, no privileges, read-only root file system; of a version: as the service
   */
  readonly security?: ContainerSecurityOptions;
}
