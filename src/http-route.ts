import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { Finding } from './check/finding';
import { Findings } from './findings';
import { HttpRule } from './http-rule';
import type { MeshService } from './mesh-service';
import { routeFindings } from './private/http-route-findings';
import { httpRouteSpec, referenceGrants, ruleName } from './private/http-route-spec';
import { serviceLabels } from './private/labels';
import { RawObject } from './private/raw-object';
import { Registry } from './private/registry';
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
    this.service = props.service;
    this._name = props.name ?? id;
    this._rules = [...props.rules];
    const head = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      name: this._name,
      // A producer's route stands beside its service, whichever chart it was written in.
      namespace: this.service.backendNamespace,
      labels: serviceLabels(this.service.mesh.meshName, this.service.backendName),
    };
    this.resource = new RawObject(this, 'Resource', head, () => ({ spec: httpRouteSpec(this.service, this._rules) }));
    for (const [namespace, spec] of referenceGrants(this.service, this._rules)) {
      const name = `${this._name}.${this.service.backendNamespace}`;
      const grant = { ...head, apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', name, namespace };
      new RawObject(this, `ReferenceGrant-${namespace}`, grant, () => ({ spec }));
    }
    this.service._addRoute(this);
    const registry = Registry.of(this);
    registry.routes.push(this);
    registry.validates(this);
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
    return this._rules.flatMap((rule, index) => {
      const { stickyBy, retry } = rule._options;
      if (stickyBy === undefined && retry === undefined) return [];
      return [{ rule: `${this._name}/${ruleName(rule, index)}`, stickyBy: stickyBy?._toSpec(), retry: retry?._toSpec() }];
    });
  }

  /** @internal */
  public _problems(): Finding[] {
    return routeFindings(this);
  }
}
