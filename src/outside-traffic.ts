import type { OutsideTrafficSpec } from './contract/outside-traffic';

/** What `OutsideTraffic.allow` lets pass beside what is registered. */
export interface AllowedOutside {
  /**
   * Host names, or `*.` and what host names end in, that connections of TLS to port 443 may ask for (SNI), and requests to port 80 by `Host`. They
   * go to the address that the application dialed: whoever is in a pod may send to another address under an allowed name. Where that matters,
   * register an `ExternalService`.
   *
   * @default - none
   */
  readonly hosts?: string[];
  /**
   * Networks of IPv4 or IPv6 that connections may go to, at any port: `203.0.113.0/24`, `2001:db8::/32`.
   *
   * @default - none
   */
  readonly networks?: string[];
}

/**
 * What the pods of a service may reach that is no service of the mesh. It is decided by the service's own proxy, for connections that are intercepted
 * or sent to it, and below it by the NetworkPolicy. What is not allowed is answered 502, or closed, and logged with what would allow it.
 */
export class OutsideTraffic {
  /** Nothing, be it registered or not: a call to an `ExternalService` is an error of synth. */
  public static none(): OutsideTraffic {
    return new OutsideTraffic({ policy: 'none' });
  }

  /** Each `ExternalService` that the service calls, and nothing else. The default. */
  public static registered(): OutsideTraffic {
    return new OutsideTraffic({ policy: 'registered' });
  }

  /**
   * As `registered`, and beside that what is listed here, for services whose connections are intercepted. Nothing is known of what is passed on so: it
   * has no timeout, no retry and no metrics of its own.
   *
   * @param allowed names and networks
   */
  public static allow(allowed: AllowedOutside): OutsideTraffic {
    const { hosts = [], networks = [] } = allowed;
    return new OutsideTraffic({
      policy: 'registered', ...hosts.length > 0 && { hosts: [...hosts] }, ...networks.length > 0 && { networks: [...networks] },
    });
  }

  /** Everything: what is no service of the mesh is passed on as it is. Synth warns. */
  public static any(): OutsideTraffic {
    return new OutsideTraffic({ policy: 'any' });
  }

  private constructor(private readonly spec: OutsideTrafficSpec) {}

  /** @internal */
  public _toSpec(): OutsideTrafficSpec {
    return this.spec;
  }
}
