import type { MeshService } from './mesh-service';
import { TrafficPolicy } from './traffic-policy';

/**
 * A reusable policy. Implement it in any language and publish it as a package; it only returns data and never reaches into a service.
 *
 * In Python the class is decorated with `@jsii.implements(IServicePolicy)`; in Go it is a pointer to a struct.
 */
export interface IServicePolicy {
  /** Name in errors and reports. */
  policyName(): string;
  /**
   * What the policy sets on `service`. Called once for each service, when the policy is applied.
   *
   * @param service the service; its name, namespace, port and mesh are known, its other policies are not
   */
  policyFor(service: MeshService): TrafficPolicy;
}

/** Ready-made policies. */
export class ServicePolicy {
  /**
   * A policy that is the same for every service.
   *
   * @param name in errors and reports
   * @param policy what it sets
   */
  public static of(name: string, policy: TrafficPolicy): IServicePolicy {
    return new ConstantPolicy(name, policy);
  }

  private constructor() {}
}

class ConstantPolicy implements IServicePolicy {
  public constructor(private readonly name: string, private readonly policy: TrafficPolicy) {}

  public policyName(): string {
    return this.name;
  }

  public policyFor(_service: MeshService): TrafficPolicy {
    return this.policy;
  }
}
