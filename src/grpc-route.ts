import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { Finding } from './check/finding';
import { Findings } from './findings';
import { GrpcRule } from './grpc-rule';
import type { MeshService } from './mesh-service';
import { grpcRouteFindings } from './private/grpc-route-findings';
import { grpcRouteSpec } from './private/grpc-route-spec';
import { referenceGrants } from './private/http-route-spec';
import { emitRoute, routeGiven, rulePoliciesOf } from './private/route';
import type { RulePolicySpec } from './private/spec';

/** Properties of `GrpcRoute`. */
export interface GrpcRouteProps {
  /** The service whose calls are routed (`parentRef`): its port is `ServicePort.grpc`, or `http2`. */
  readonly service: MeshService;
  /** Rules, at most 16. The most specific match wins; of equal ones the first (Gateway API). */
  readonly rules: GrpcRule[];
  /**
   * Name of the `GRPCRoute`.
   *
   * @default - the construct's id
   */
  readonly name?: string;
}

/**
 * Where calls of gRPC to a service go, by service and method: emits a Gateway API `GRPCRoute` whose parent is the Kubernetes Service (GAMMA). It holds
 * for all callers. A call that no rule of its routes matches is answered UNIMPLEMENTED. A service has routes of one kind: `GrpcRoute`, or `HttpRoute`.
 *
 * @see https://gateway-api.sigs.k8s.io/geps/gep-1016/
 */
export class GrpcRoute extends Construct {
  /** The service whose calls are routed. */
  public readonly service: MeshService;
  /** The emitted `GRPCRoute`, for what the SDK cannot say. */
  public readonly resource: ApiObject;

  /** @internal */
  public readonly _kind = 'GRPCRoute';
  /** @internal */
  public readonly _name: string;
  /** @internal */
  public readonly _rules: readonly GrpcRule[];

  /**
   * A route, in the namespace of its service.
   *
   * @param scope the chart, or a construct in it
   * @param id name of the `GRPCRoute`, where the properties give none
   * @param props service and rules
   */
  constructor(scope: Construct, id: string, props: GrpcRouteProps) {
    super(scope, id);
    routeGiven(this.node.path, 'GrpcRoute', 'GrpcRule', props);
    this.service = props.service;
    this._name = props.name ?? id;
    this._rules = [...props.rules];
    this.resource = emitRoute(this, () => grpcRouteSpec(this.service, this._rules), referenceGrants(this.service, this._rules, this._kind));
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

  /** @internal */
  public _rulePolicies(): RulePolicySpec[] {
    return rulePoliciesOf(this);
  }

  /** @internal */
  public _problems(): Finding[] {
    return grpcRouteFindings(this);
  }
}
