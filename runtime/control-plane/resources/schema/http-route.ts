/**
 * The part of Gateway API's HTTPRoute (gateway.networking.k8s.io/v1) that the mesh runs. A field or feature outside of it refuses the route and is
 * named: what a route asks for and does not get must not go unnoticed.
 */
import * as z from 'zod';
import { DURATION, parseDuration, traffic } from '../../../../src/contract';
import {
  backendRef, expression, filters, headerMatches, namesDiffer, parentRefs, portNumber, requestHeaders, requestMirror, responseHeaders, routeMetadata,
  subdomain, uniqueBy, valueMatch, withDefault,
} from './route';

/** Gateway API's duration: 0s switches a timeout off. */
const duration = z.string().regex(new RegExp(DURATION), { message: 'must be a duration such as 500ms or 1m30s, 0s for none' });
const absolutePath = z.string().min(1).max(1024).startsWith('/').refine((path) => !/[?#]|\/\/|\/\.\.?(\/|$)|%2f/i.test(path), {
  message: 'must be a normalized path: no //, /./, /../, %2F, ? or #',
});

const pathMatch = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Exact'), value: absolutePath }),
  z.strictObject({ type: z.literal('PathPrefix'), value: absolutePath }),
  z.strictObject({ type: z.literal('RegularExpression'), value: expression }),
]);

const match = z.strictObject({
  path: z.preprocess(withDefault('type', 'PathPrefix'), pathMatch).optional(),
  method: traffic.httpMethod.optional(),
  headers: headerMatches.optional(),
  queryParams: z.array(valueMatch(z.string().min(1).max(256))).max(16)
    .refine((items) => uniqueBy(items, ({ name }) => name), { message: 'names a parameter twice: only the first would count' }).optional(),
});

const pathModifier = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ReplaceFullPath'), replaceFullPath: z.string().max(1024).startsWith('/') }),
  z.strictObject({ type: z.literal('ReplacePrefixMatch'), replacePrefixMatch: z.string().max(1024).regex(/^(\/.*)?$/, { message: 'must be empty or begin with /' }) }),
]);

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

const rule = z.strictObject({
  name: subdomain.optional(),
  matches: z.array(match).max(64).default([]),
  filters: filters(z.discriminatedUnion('type', [requestHeaders, responseHeaders, redirect, rewrite, requestMirror])).default([]),
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

export const httpRoute = z.looseObject({
  apiVersion: z.literal('gateway.networking.k8s.io/v1'),
  kind: z.literal('HTTPRoute'),
  metadata: routeMetadata,
  spec: z.strictObject({
    parentRefs,
    rules: z.array(rule).max(16).default([{ matches: [], filters: [], backendRefs: [] }])
      .refine(namesDiffer, { message: 'has two rules of one name' }),
  }),
});
export type HttpRoute = z.infer<typeof httpRoute>;
export type HttpRouteRule = HttpRoute['spec']['rules'][number];
export type HttpRouteMatch = HttpRouteRule['matches'][number];
export type HttpRouteFilter = HttpRouteRule['filters'][number];
