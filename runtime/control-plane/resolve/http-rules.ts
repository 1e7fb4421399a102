import type { Candidate, Forward, Match, PathRewrite, Redirect } from '../model';
import { keyOf, type HttpRouteFilter, type HttpRouteMatch, type HttpRouteRule, type Resource } from '../resources';
import type { BackendDraft } from './backends';
import { hashKeyOf, optional, retryOf } from './policies';
import type { RulePolicies, RulePolicy } from './rule-policies';
import { mirrorsOf, requestHeadersOf, responseHeadersOf, targetOf, type Context } from './targets';

type Route = Resource<'HTTPRoute'>;

const EVERYTHING: HttpRouteMatch = { path: { type: 'PathPrefix', value: '/' } };

/** The matches of an HTTPRoute, each with what is done with its requests. */
export function httpCandidates(route: Route, parent: BackendDraft, policies: RulePolicies, context: Context): Candidate[] {
  const { id, value } = route;
  return value.spec.rules.flatMap((rule, index) => {
    const name = rule.name ?? `rule-${index}`;
    const action = redirectOf(rule) ?? forwardOf(rule, index, route, parent, policies.get(name), context);
    const headers = { requestHeaders: requestHeadersOf(rule.filters), responseHeaders: responseHeadersOf(rule.filters) };
    const matches = rule.matches.length === 0 ? [EVERYTHING] : rule.matches;
    return matches.map((match, position): Candidate => ({
      rule: { name: `${id.name}/${name}`, kind: 'http', match: matchOf(match), action, ...headers },
      createdAt: value.metadata.creationTimestamp ?? '',
      route: keyOf(id),
      order: index * 1000 + position,
    }));
  });
}

function matchOf({ path, method, headers = [], queryParams = [] }: HttpRouteMatch): Match {
  const value = path?.value ?? '/';
  const kind = path?.type === 'Exact' ? 'exact' : path?.type === 'RegularExpression' ? 'regex' : 'prefix';
  const values = (items: typeof headers) => items.map((item) => ({
    name: item.name, kind: item.type === 'RegularExpression' ? 'regex' as const : 'exact' as const, value: item.value,
  }));
  return {
    path: { kind, value: kind === 'prefix' ? value.replace(/\/+$/, '') || '/' : value },
    method,
    headers: values(headers).map((header) => ({ ...header, name: header.name.toLowerCase() })),
    queryParams: values(queryParams),
  };
}

function redirectOf({ filters }: HttpRouteRule): Redirect | undefined {
  const found = filters.find((filter) => filter.type === 'RequestRedirect');
  if (!found) return undefined;
  const { scheme, hostname, port, path, statusCode } = found.requestRedirect;
  return { kind: 'redirect', scheme, host: hostname, port, path: pathRewriteOf(path), status: statusCode };
}

function forwardOf(
  rule: HttpRouteRule, index: number, route: Route, parent: BackendDraft, policy: RulePolicy | undefined, context: Context,
): Forward {
  const rewrite = rule.filters.find((filter) => filter.type === 'URLRewrite')?.urlRewrite;
  if (rule.backendRefs.length === 0) {
    context.report.unresolved(route.id, 'BackendNotFound', `spec.rules[${index}].backendRefs is empty: its requests are answered 500; name a Service, or add a RequestRedirect filter`);
  }
  return {
    kind: 'forward',
    targets: rule.backendRefs.map((ref, at) => targetOf(ref, `spec.rules[${index}].backendRefs[${at}]`, route, parent, context)),
    stickyBy: policy?.stickyBy && hashKeyOf(policy.stickyBy),
    timeout: { total: optional(rule.timeouts?.request), perTry: optional(rule.timeouts?.backendRequest) },
    retry: policy?.retry && retryOf(policy.retry),
    rewriteHost: rewrite?.hostname,
    rewritePath: pathRewriteOf(rewrite?.path),
    mirrors: mirrorsOf(rule.filters, `spec.rules[${index}]`, route, parent, context),
  };
}

type PathModifier = NonNullable<Extract<HttpRouteFilter, { type: 'URLRewrite' }>['urlRewrite']['path']>;

function pathRewriteOf(path: PathModifier | undefined): PathRewrite | undefined {
  if (!path) return undefined;
  return path.type === 'ReplaceFullPath' ? { kind: 'full', value: path.replaceFullPath } : { kind: 'prefix', value: path.replacePrefixMatch };
}

