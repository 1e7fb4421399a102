import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { IBackend } from './backend';
import { ContainerOptions } from './container-options';
import type { MeshService } from './mesh-service';
import type { PodGroup } from './private/pod-group';

/** Properties of `MeshService.addVersion`. */
export interface ServiceVersionOptions extends ContainerOptions {
  /**
   * Pods.
   *
   * @default - as the service
   */
  readonly replicas?: number;
}

/**
 * A version (subset) of a service, with a Deployment and a Kubernetes Service of its own. It gets no traffic until a route says so; the service's
 * policies hold for it too. Made by `MeshService.addVersion`.
 */
export class ServiceVersion extends Construct implements IBackend {
  /** @internal */
  public static _of(service: MeshService, name: string, pods: (scope: Construct) => PodGroup): ServiceVersion {
    return new ServiceVersion(service, name, pods);
  }

  /** The service that this is a version of. */
  public readonly service: MeshService;
  /** Name of the version. */
  public readonly versionName: string;
  public readonly backendName: string;
  public readonly backendNamespace: string;
  public readonly backendPort: number;
  public readonly backendProtocol: string;
  public readonly backendKind?: string;
  /** The emitted Deployment, for what the SDK cannot say. */
  public readonly workload: ApiObject;
  /** @internal */
  public readonly _pods: PodGroup;

  private constructor(service: MeshService, name: string, pods: (scope: Construct) => PodGroup) {
    super(service, name);
    this.service = service;
    this.versionName = name;
    this._pods = pods(this);
    this.workload = this._pods.workload;
    this.node.defaultChild = this.workload;
    this.backendName = this._pods.kubernetesService;
    this.backendNamespace = service.backendNamespace;
    this.backendPort = service.backendPort;
    this.backendProtocol = service.backendProtocol;
    this.backendKind = 'Service';
  }
}
