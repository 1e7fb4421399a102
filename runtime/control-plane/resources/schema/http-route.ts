/**
 * The part of Gateway API's HTTPRoute (gateway.networking.k8s.io/v1) that the mesh runs. A field or feature outside of it refuses the route and is
 * named: what a route asks for and does not get must not go unnoticed.
 */
import { RE2JS } from 're2js';
import * as z from 'zod';
import { DNS_LABEL, DNS_SUBDOMAIN, DURATION, parseDuration, traffic } from '../../../../src/contract';

const label = z.string().min(1).max(63).regex(new RegExp(DNS_LABEL));
const subdomain = z.string().min(1).max(253).regex(new RegExp(DNS_SUBDOMAIN));
const portNumber = z.int().min(1).max(65_535);
/** Gateway API's duration: 0s switches a timeout off. */
const duration = z.string().regex(new RegExp(DURATION), { message: 'must be a duration such as 500ms or 1m30s, 0s for none' });
const expression = z.string().min(1).max(1024).refine(isRe2, { message: 'must be a regular expression in RE2 syntax' });
const fieldName = z.string().min(1).max(256).regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, { message: 'must be the name of a header, such as x-user' });
/** Neither may be changed by a header filter: xDS has rewrites for them. */
const changeableName = fieldName.refine((name) => name.toLowerCase() !== 'host', { message: 'cannot be changed as a header: use a URLRewrite filter with hostname' });
const fieldValue = z.string().min(1).max(4096).regex(/^[^\r\n\0]*$/, { message: 'must not hold a line break or NUL' });
const absolutePath = z.string().min(1).max(1024).startsWith('/').refine((path) => !/[?#]|\/\/|\/\.\.?(\/|$)|%2f/i.test(path), {
  message: 'must be a normalized path: no //, /./, /../, %2F, ? or #',
});

function isRe2(text: string): boolean {
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    return false;
  }
}

function uniqueBy<T>(items: readonly T[], key: (item: T) => string): boolean {
  return new Set(items.map(key)).size === items.length;
}

const pathMatch = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Exact'), value: absolutePath }),
  z.strictObject({ type: z.literal('PathPrefix'), value: absolutePath }),
  z.strictObject({ type: z.literal('RegularExpression'), value: expression }),
]);

function valueMatch(name: z.ZodString) {
  return z.preprocess(withDefault('type', 'Exact'), z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('Exact'), name, value: z.string().min(1).max(4096) }),
    z.strictObject({ type: z.literal('RegularExpression'), name, value: expression }),
  ]));
}

function withDefault(member: string, value: string): (input: unknown) => unknown {
  return (input) => (typeof input === 'object' && input !== null && !(member in input) ? { [member]: value, ...input } : input);
}

const match = z.strictObject({
  path: z.preprocess(withDefault('type', 'PathPrefix'), pathMatch).optional(),
  method: traffic.httpMethod.optional(),
  headers: z.array(valueMatch(fieldName)).max(16)
    .refine((items) => uniqueBy(items, ({ name }) => name.toLowerCase()), { message: 'names a header twice: only the first would count' }).optional(),
  queryParams: z.array(valueMatch(z.string().min(1).max(256))).max(16)
    .refine((items) => uniqueBy(items, ({ name }) => name), { message: 'names a parameter twice: only the first would count' }).optional(),
});

const header = z.strictObject({ name: changeableName, value: fieldValue });
const headerModifier = z.strictObject({
  set: z.array(header).max(16).optional(),
  add: z.array(header).max(16).optional(),
  remove: z.array(changeableName).max(16).optional(),
}).refine(({ set = [], add = [], remove = [] }) => uniqueBy([...[...set, ...add].map(({ name }) => name), ...remove], (name) => name.toLowerCase()), {
  message: 'names a header in two of set, add and remove',
});

const pathModifier = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ReplaceFullPath'), replaceFullPath: z.string().max(1024).startsWith('/') }),
  z.strictObject({ type: z.literal('ReplacePrefixMatch'), replacePrefixMatch: z.string().max(1024).regex(/^(\/.*)?$/, { message: 'must be empty or begin with /' }) }),
]);

const requestHeaders = z.strictObject({ type: z.literal('RequestHeaderModifier'), requestHeaderModifier: headerModifier });
const responseHeaders = z.strictObject({ type: z.literal('ResponseHeaderModifier'), responseHeaderModifier: headerModifier });
const redirect = z.strictObject({
  type: z.literal('RequestRedirect'),
  requestRedirect: z.strictObject({
    scheme: z.enum(['http', 'https']).optional(),
    hostname: subdomain.optional(),
    path: pathModifier.optional(),
    port: portNumber.optional(),
    statusCode: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]).default(302),
  }),
});
const rewrite = z.strictObject({
  type: z.literal('URLRewrite'),
  urlRewrite: z.strictObject({ hostname: subdomain.optional(), path: pathModifier.optional() }),
});

function filters<S extends z.ZodType<{ type: string }>>(filter: S) {
  return z.array(filter).max(16).refine((items) => uniqueBy(items, ({ type }) => type), { message: 'has two filters of one type' });
}

const backendRef = z.strictObject({
  group: z.literal('').default(''),
  kind: z.literal('Service').default('Service'),
  namespace: label.optional(),
  name: label,
  port: portNumber,
  weight: z.int().min(0).max(1_000_000).default(1),
  filters: filters(z.discriminatedUnion('type', [requestHeaders, responseHeaders])).default([]),
});

const rule = z.strictObject({
  name: subdomain.optional(),
  matches: z.array(match).max(64).default([]),
  filters: filters(z.discriminatedUnion('type', [requestHeaders, responseHeaders, redirect, rewrite])).default([]),
  backendRefs: z.array(backendRef).max(16).default([]),
  timeouts: z.strictObject({ request: duration.optional(), backendRequest: duration.optional() }).optional(),
}).superRefine((value, context) => {
  const has = (type: string) => value.filters.some((filter) => filter.type === type);
  if (has('RequestRedirect') && has('URLRewrite')) {
    context.addIssue({ code: 'custom', path: ['filters'], input: value.filters.map(({ type }) => type), message: 'RequestRedirect and URLRewrite exclude each other' });
  }
  if (has('RequestRedirect') && value.backendRefs.length > 0) {
    context.addIssue({ code: 'custom', path: ['backendRefs'], input: value.backendRefs.map(({ name }) => name), message: 'must be empty beside RequestRedirect' });
  }
  const { request, backendRequest } = value.timeouts ?? {};
  const [total, each] = [request, backendRequest].map((text) => (text === undefined ? undefined : parseDuration(text)));
  if (total !== undefined && total > 0 && each !== undefined && each > total) {
    context.addIssue({
      code: 'custom', path: ['timeouts', 'backendRequest'], input: backendRequest, message: `must not be longer than timeouts.request, ${request}`,
    });
  }
  value.filters.forEach((filter, index) => {
    const path = filter.type === 'URLRewrite' ? filter.urlRewrite.path : filter.type === 'RequestRedirect' ? filter.requestRedirect.path : undefined;
    const onlyPrefixes = value.matches.length > 0 && value.matches.every((one) => one.path === undefined || one.path.type === 'PathPrefix');
    if (path?.type === 'ReplacePrefixMatch' && value.matches.length > 0 && !onlyPrefixes) {
      context.addIssue({
        code: 'custom',
        path: ['filters', index],
        input: path.type,
        message: 'ReplacePrefixMatch needs a PathPrefix match in every one of the matches',
      });
    }
  });
});

const parentRef = z.strictObject({
  group: z.string().default('gateway.networking.k8s.io'),
  kind: z.string().default('Gateway'),
  namespace: label.optional(),
  name: subdomain,
  sectionName: z.string().optional(),
  port: portNumber.optional(),
});

export const httpRoute = z.looseObject({
  apiVersion: z.literal('gateway.networking.k8s.io/v1'),
  kind: z.literal('HTTPRoute'),
  metadata: z.looseObject({
    name: subdomain, namespace: label, generation: z.int().optional(), creationTimestamp: z.string().optional(),
  }),
  spec: z.strictObject({
    parentRefs: z.array(parentRef).min(1).max(32),
    rules: z.array(rule).max(16).default([{ matches: [], filters: [], backendRefs: [] }])
      .refine((rules) => uniqueBy(rules.filter(({ name }) => name !== undefined), ({ name }) => name!), { message: 'has two rules of one name' }),
  }),
});
export type HttpRoute = z.infer<typeof httpRoute>;
export type HttpRouteRule = HttpRoute['spec']['rules'][number];
export type HttpRouteMatch = HttpRouteRule['matches'][number];
export type HttpRouteFilter = HttpRouteRule['filters'][number];
export type HttpBackendRef = HttpRouteRule['backendRefs'][number];
export type HttpParentRef = HttpRoute['spec']['parentRefs'][number];

/** A parent that is a Service: the route is the mesh's business (GEP-1426), whatever else it is attached to. */
export function isServiceParent(ref: unknown): boolean {
  if (typeof ref !== 'object' || ref === null) return false;
  const { group, kind } = ref as { group?: unknown; kind?: unknown };
  return kind === 'Service' && (group === '' || group === 'core');
}
