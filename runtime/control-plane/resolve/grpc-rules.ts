import type { Candidate, Forward, Match, PathMatch } from '../model';
import { keyOf, type GrpcRouteMatch, type GrpcRouteRule, type Resource } from '../resources';
import type { BackendDraft } from './backends';
import { hashKeyOf, retryOf } from './policies';
import type { RulePolicies, RulePolicy } from './rule-policies';
import { mirrorsOf, requestHeadersOf, responseHeadersOf, targetOf, type Context } from './targets';

type Route = Resource<'GRPCRoute'>;

/** The matches of a GRPCRoute. A call of gRPC is a request whose path is `/<service>/<method>` (GEP-1016). */
export function grpcCandidates(route: Route, parent: BackendDraft, policies: RulePolicies, context: Context): Candidate[] {
  const { id, value } = route;
  return value.spec.rules.flatMap((rule, index) => {
    const name = rule.name ?? `rule-${index}`;
    const action = forwardOf(rule, index, route, parent, policies.get(name), context);
    const headers = { requestHeaders: requestHeadersOf(rule.filters), responseHeaders: responseHeadersOf(rule.filters) };
    const matches: GrpcRouteMatch[] = rule.matches.length === 0 ? [{}] : rule.matches;
    return matches.map((match, position): Candidate => ({
      rule: { name: `${id.name}/${name}`, kind: 'grpc', match: matchOf(match), action, ...headers },
      grpc: { service: match.method?.service?.length ?? 0, method: match.method?.method?.length ?? 0 },
      createdAt: value.metadata.creationTimestamp ?? '',
      route: keyOf(id),
      order: index * 1000 + position,
    }));
  });
}

function matchOf({ method, headers = [] }: GrpcRouteMatch): Match {
  return {
    path: pathOf(method),
    method: undefined,
    headers: headers.map(({ name, type, value }) => ({ name: name.toLowerCase(), kind: type === 'RegularExpression' ? 'regex' : 'exact', value })),
    queryParams: [],
  };
}

/** A whole segment. */
const ANY = '[^/]+';

function pathOf(match: GrpcRouteMatch['method']): PathMatch {
  const { service, method } = match ?? {};
  if (service === undefined && method === undefined) return { kind: 'prefix', value: '/' };
  if (match?.type === 'RegularExpression') {
    const part = (expression: string | undefined) => (expression === undefined ? ANY : `(?:${expression})`);
    return { kind: 'regex', value: `/${part(service)}/${part(method)}` };
  }
  if (service === undefined) return { kind: 'regex', value: `/${ANY}/${method}` };
  return method === undefined ? { kind: 'prefix', value: `/${service}` } : { kind: 'exact', value: `/${service}/${method}` };
}

function forwardOf(
  rule: GrpcRouteRule, index: number, route: Route, parent: BackendDraft, policy: RulePolicy | undefined, context: Context,
): Forward {
  if (rule.backendRefs.length === 0) {
    context.report.unresolved(route.id, 'BackendNotFound', `spec.rules[${index}].backendRefs is empty: its calls are answered UNAVAILABLE; name a Service`);
  }
  return {
    kind: 'forward',
    targets: rule.backendRefs.map((ref, at) => targetOf(ref, `spec.rules[${index}].backendRefs[${at}]`, route, parent, context)),
    stickyBy: policy?.stickyBy && hashKeyOf(policy.stickyBy),
    timeout: { total: undefined, perTry: undefined },
    retry: policy?.retry && retryOf(policy.retry),
    rewriteHost: undefined,
    rewritePath: undefined,
    mirrors: mirrorsOf(rule.filters, `spec.rules[${index}]`, route, parent, context),
  };
}
