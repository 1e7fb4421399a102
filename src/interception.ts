import type { InterceptionSpec } from './contract/pod/interception';

/** Connections that stay out of the mesh. Those within the pod, and those of the proxy itself, always do. */
export interface InterceptionOptions {
  /**
   * Ports of the pod that are reached directly, past encryption and authorization.
   *
   * @default - none
   */
  readonly excludeInboundPorts?: number[];
  /**
   * Ports that the application reaches directly, wherever they are.
   *
   * @default - none
   */
  readonly excludeOutboundPorts?: number[];
  /**
   * Networks that the application reaches directly, such as `10.20.0.0/16` or `fd00:20::/32`.
   *
   * @default - none
   */
  readonly excludeOutboundCidrs?: string[];
  /**
   * Users of the pod whose connections are left alone.
   *
   * @default - none
   */
  readonly excludeUids?: number[];
}

/**
 * How connections of an application come to its proxy.
 *
 * Without interception an application sends to its proxy what is meant for others, by `HTTP_PROXY` and the ports of its loopback; nothing of
 * the pod needs a right that a container does not have anyway.
 */
export class Interception {
  /**
   * Every TCP connection of the pod, of IPv4 and IPv6, is redirected to the proxy by rules of nftables, which an init container loads. It is the one
   * container that may change the pod's network (NET_ADMIN, as root); it ends before the application starts. A namespace whose pod security is
   * `restricted` or `baseline` does not allow it.
   *
   * @param options what stays out of the mesh
   */
  public static transparent(options: InterceptionOptions = {}): Interception {
    return new Interception(options);
  }

  /** Nothing is redirected: for a service that does without what its mesh does. Applications send to their proxies what is meant for others. */
  public static none(): Interception {
    return new Interception(undefined);
  }

  private constructor(private readonly options: InterceptionOptions | undefined) {}

  /** @internal */
  public _toSpec(): InterceptionSpec | undefined {
    if (this.options === undefined) return undefined;
    const { excludeInboundPorts, excludeOutboundPorts, excludeOutboundCidrs, excludeUids } = this.options;
    return {
      ...listed('excludeInboundPorts', excludeInboundPorts),
      ...listed('excludeOutboundPorts', excludeOutboundPorts),
      ...listed('excludeOutboundCidrs', excludeOutboundCidrs),
      ...listed('excludeUids', excludeUids),
    };
  }
}

function listed<T>(name: string, values: readonly T[] | undefined): object {
  return values === undefined || values.length === 0 ? {} : { [name]: [...values] };
}
