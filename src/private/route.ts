import type { GrpcRoute } from '../grpc-route';
import type { HttpRoute } from '../http-route';
import { given, has } from './given';
import { ruleName, destinationsOf } from './http-route-spec';
import { serviceLabels } from './labels';
import { RawObject } from './raw-object';
import { Registry } from './registry';
import type { RulePolicySpec } from './spec';

/** A construct that says where the requests to a service go. */
export type Route = HttpRoute | GrpcRoute;

type AnyRules = Route['_rules'];

/** What nothing can be made without. */
export function routeGiven(
  path: string, routeClass: string, ruleClass: string, props: { readonly service: unknown; readonly rules: readonly unknown[] },
): void {
  const example = `write new ${routeClass}(this, 'route', { service: payment, rules: [${ruleClass}.forward(payment)] })`;
  given(path, 'props', props, has(props), 'must be given', example);
  given(path, 'service', props.service, has(props.service, 'backendName', 'mesh'), 'must be the MeshService whose traffic is routed', example);
  const isRule = (rule: unknown) => has(rule, '_backends', '_options');
  given(path, 'rules', props.rules, Array.isArray(props.rules) && props.rules.every(isRule), `must be a list of ${ruleClass}`, example);
  for (const backend of (props.rules as AnyRules).flatMap(destinationsOf)) {
    given(path, 'rules: backend', backend, has(backend, 'backendName', 'backendNamespace'), 'must be a service, or a version of one', example);
  }
}

/** Emits a route, with the grants that it needs, and makes it known. It stands beside its service, whichever chart it was written in. */
export function emitRoute(route: Route, spec: () => object, grants: ReadonlyMap<string, object>): RawObject {
  const { service } = route;
  const head = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: route._kind,
    name: route._name,
    namespace: service.backendNamespace,
    labels: serviceLabels(service.mesh.meshName, service.backendName),
  };
  const resource = new RawObject(route, 'Resource', head, () => ({ spec: spec() }));
  for (const [namespace, grant] of grants) {
    const name = `${route._name}.${service.backendNamespace}`;
    const object = { ...head, apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', name, namespace };
    new RawObject(route, `ReferenceGrant-${namespace}`, object, () => ({ spec: grant }));
  }
  service._addRoute(route);
  const registry = Registry.of(route);
  registry.routes.push(route);
  registry.validates(route);
  return resource;
}

/** What the rules do that Gateway API cannot say; part of the `MeshService`. */
export function rulePoliciesOf({ _name: name, _rules: rules }: Route): RulePolicySpec[] {
  return rules.flatMap((rule, index) => {
    const { stickyBy, retry } = rule._options;
    if (stickyBy === undefined && retry === undefined) return [];
    return [{ rule: `${name}/${ruleName(rule, index)}`, stickyBy: stickyBy?._toSpec(), retry: retry?._toSpec() }];
  });
}
