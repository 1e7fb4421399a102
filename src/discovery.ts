import type { MeshServiceSpec } from './contract/mesh-service';

/** Options of `Discovery.consul`. */
export interface ConsulOptions {
  /**
   * Its datacenter.
   *
   * @default - that of the Consul agent that the control plane asks
   */
  readonly datacenter?: string;
  /**
   * Only instances that have all of these tags.
   *
   * @default - all instances
   */
  readonly tags?: string[];
}

/** The Consul that the control plane of a mesh asks. */
export interface ConsulAgent {
  /** Address of one of its agents: `http://consul.example:8500`. */
  readonly address: string;
  /**
   * A Secret in the namespace of the control plane, in whose key `token` is the ACL token that is sent; it needs `service:read` and `node:read`.
   *
   * @default - no token
   */
  readonly tokenSecret?: string;
}

/** Where a service has endpoints beside its pods: on machines, for example, while it moves to Kubernetes. */
export class Discovery {
  /**
   * Instances that Consul has, by their own addresses and ports. The control plane follows them at the agent that the mesh names (`controlPlane.consul`);
   * one with a critical check gets nothing. What is encrypted between pods is so to them: an instance proves the identity of the service, as a pod does, by a proxy beside it.
   *
   * @param service name of the service in Consul
   * @param options which of its instances
   */
  public static consul(service: string, options: ConsulOptions = {}): Discovery {
    return new Discovery({ consul: { service, datacenter: options.datacenter, tags: options.tags } });
  }

  private constructor(private readonly spec: NonNullable<MeshServiceSpec['discovery']>) {}

  /** @internal */
  public _toSpec(): NonNullable<MeshServiceSpec['discovery']> {
    return this.spec;
  }
}
