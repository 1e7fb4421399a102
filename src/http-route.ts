import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { Finding } from './check/finding';
import { Findings } from './findings';
import { HttpRule } from './http-rule';
import type { MeshService } from './mesh-service';
import { routeFindings } from './private/http-route-findings';
import { httpRouteSpec, referenceGrants } from './private/http-route-spec';
import { emitRoute, routeGiven, rulePoliciesOf } from './private/route';
import type { RulePolicySpec } from './private/spec';

/** Properties of `HttpRoute`. */
export interface HttpRouteProps {
  /** The service whose traffic is routed (`parentRef`). */
  readonly service: MeshService;
  /** Rules, at most 16. The most specific match wins; of equal ones the first (Gateway API). */
  readonly rules: HttpRule[];
  /**
   * Name of the `HTTPRoute`.
   *
   * @default - the construct's id
   */
  readonly name?: string;
}

/**
 * Where requests to a service go: emits a Gateway API `HTTPRoute` whose parent is the Kubernetes Service (GAMMA). It holds for all callers. A service
 * without a route sends everything to its base version; a request that no rule of its routes matches is answered 404. Where a backend is in another
 * namespace, a `ReferenceGrant` there lets the route name it.
 *
 * @see https://gateway-api.sigs.k8s.io/mesh/
 */
export class HttpRoute extends Construct {
  /** The service whose traffic is routed. */
  public readonly service: MeshService;
  /** The emitted `HTTPRoute`, for what the SDK cannot say. */
  public readonly resource: ApiObject;

  /** @internal */
  public readonly _kind = 'HTTPRoute';
  /** @internal */
  public readonly _name: string;
  /** @internal */
  public readonly _rules: readonly HttpRule[];

  /**
   * A route, in the namespace of its service.
   *
   * @param scope the chart, or a construct in it
   * @param id name of the `HTTPRoute`, where the properties give none
   * @param props service and rules
   */
  constructor(scope: Construct, id: string, props: HttpRouteProps) {
    super(scope, id);
    routeGiven(this.node.path, 'HttpRoute', 'HttpRule', props);
    this.service = props.service;
    this._name = props.name ?? id;
    this._rules = [...props.rules];
    this.resource = emitRoute(this, () => httpRouteSpec(this.service, this._rules), referenceGrants(this.service, this._rules, this._kind));
  }

  /**
   * States that a warning on this route is right as it is. An error cannot be acknowledged.
   *
   * @param code the code that the warning begins with, such as `MW107`
   * @param reason why this is right here; for the next reader of the program
   */
  public acknowledge(code: string, reason: string): void {
    Findings.of(this).acknowledge(code, reason);
  }

  /**
   * What the rules do that Gateway API cannot say; part of the `MeshService`.
   *
   * @internal
   */
  public _rulePolicies(): RulePolicySpec[] {
    return rulePoliciesOf(this);
  }

  /** @internal */
  public _problems(): Finding[] {
    return routeFindings(this);
  }
}
