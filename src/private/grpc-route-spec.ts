import type { IBackend } from '../backend';
import type { RouteMatch } from '../check/graph';
import type { GrpcMatch, GrpcRule } from '../grpc-rule';
import type { StringMatch } from '../http-match';
import { backendRef, emptyIsNone, filtersOf, headerMatches, ruleName } from './http-route-spec';

/** `GRPCRoute.spec`, nothing left to Gateway API's defaults. */
export function grpcRouteSpec(service: IBackend, rules: readonly GrpcRule[]) {
  return {
    parentRefs: [{ group: '', kind: 'Service', name: service.backendName, port: service.backendPort }],
    rules: rules.map((rule, index) => ({
      name: ruleName(rule, index),
      matches: emptyIsNone((rule._options.matches ?? []).map(matchOf)),
      filters: emptyIsNone(filtersOf(rule._options.filters ?? [], service.backendNamespace)),
      backendRefs: emptyIsNone(rule._backends.map((backend) => backendRef(backend, service.backendNamespace))),
    })),
  };
}

function matchOf(match: GrpcMatch) {
  return { method: methodOf(match), headers: headerMatches(match.headers ?? {}) };
}

/** Gateway API has one type for service and method: where one of them is an expression, the other becomes one too. */
function methodOf({ service, method }: GrpcMatch) {
  if (service === undefined && method === undefined) return undefined;
  if (service?._kind !== 'regex' && method?._kind !== 'regex') return { type: 'Exact', service: service?._value, method: method?._value };
  return { type: 'RegularExpression', service: expressionOf(service), method: expressionOf(method) };
}

function expressionOf(match: StringMatch | undefined): string | undefined {
  return match?._kind === 'regex' ? match._value : match?._value.replaceAll('.', '\\.');
}

/** A whole segment of a path. */
const ANY = '[^/]+';

/** A match as the checks see it: a call of gRPC is a request for `/<service>/<method>`. */
export function grpcMatchFacts(match: GrpcMatch): RouteMatch {
  const { type, service, method } = methodOf(match) ?? {};
  return {
    path: pathOf(type, service, method),
    method: undefined,
    headers: (headerMatches(match.headers ?? {}) ?? []) as RouteMatch['headers'],
    queryParams: [],
    grpc: { service: service?.length ?? 0, method: method?.length ?? 0 },
  };
}

function pathOf(type: string | undefined, service: string | undefined, method: string | undefined): RouteMatch['path'] {
  if (service === undefined && method === undefined) return { type: 'PathPrefix', value: '/' };
  if (type === 'RegularExpression') {
    const part = (expression: string | undefined) => (expression === undefined ? ANY : `(?:${expression})`);
    return { type, value: `/${part(service)}/${part(method)}` };
  }
  if (service === undefined) return { type: 'RegularExpression', value: `/${ANY}/${method}` };
  return method === undefined ? { type: 'PathPrefix', value: `/${service}` } : { type: 'Exact', value: `/${service}/${method}` };
}
