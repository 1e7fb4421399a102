/** What the routes of Gateway API have in common. */
import { RE2JS } from 're2js';
import * as z from 'zod';
import { DNS_LABEL, DNS_SUBDOMAIN, GROUP } from '../../../../src/contract';

export const label = z.string().min(1).max(63).regex(new RegExp(DNS_LABEL));
export const subdomain = z.string().min(1).max(253).regex(new RegExp(DNS_SUBDOMAIN));
export const portNumber = z.int().min(1).max(65_535);
export const expression = z.string().min(1).max(1024).refine(isRe2, { message: 'must be a regular expression in RE2 syntax' });
const fieldName = z.string().min(1).max(256).regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, { message: 'must be the name of a header, such as x-user' });
/** Neither may be changed by a header filter: xDS has rewrites for them. */
const changeableName = fieldName.refine((name) => name.toLowerCase() !== 'host', { message: 'cannot be changed as a header: use a URLRewrite filter with hostname' });
const fieldValue = z.string().min(1).max(4096).regex(/^[^\r\n\0]*$/, { message: 'must not hold a line break or NUL' });

function isRe2(text: string): boolean {
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    return false;
  }
}

export function uniqueBy<T>(items: readonly T[], key: (item: T) => string): boolean {
  return new Set(items.map(key)).size === items.length;
}

export function valueMatch(name: z.ZodString) {
  return z.preprocess(withDefault('type', 'Exact'), z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('Exact'), name, value: z.string().min(1).max(4096) }),
    z.strictObject({ type: z.literal('RegularExpression'), name, value: expression }),
  ]));
}

export function withDefault(member: string, value: string): (input: unknown) => unknown {
  return (input) => (typeof input === 'object' && input !== null && !(member in input) ? { [member]: value, ...input } : input);
}

export const headerMatches = z.array(valueMatch(fieldName)).max(16)
  .refine((items) => uniqueBy(items, ({ name }) => name.toLowerCase()), { message: 'names a header twice: only the first would count' });

const header = z.strictObject({ name: changeableName, value: fieldValue });
const headerModifier = z.strictObject({
  set: z.array(header).max(16).optional(),
  add: z.array(header).max(16).optional(),
  remove: z.array(changeableName).max(16).optional(),
}).refine(({ set = [], add = [], remove = [] }) => uniqueBy([...[...set, ...add].map(({ name }) => name), ...remove], (name) => name.toLowerCase()), {
  message: 'names a header in two of set, add and remove',
});

export const requestHeaders = z.strictObject({ type: z.literal('RequestHeaderModifier'), requestHeaderModifier: headerModifier });
export const responseHeaders = z.strictObject({ type: z.literal('ResponseHeaderModifier'), responseHeaderModifier: headerModifier });

export function filters<S extends z.ZodType<{ type: string }>>(filter: S) {
  return z.array(filter).max(16).refine((items) => uniqueBy(items.filter(({ type }) => type !== 'RequestMirror'), ({ type }) => type), { message: 'has two filters of one type' });
}

/** Filters that change headers only: those of every backend. */
export const headerFilters = filters(z.discriminatedUnion('type', [requestHeaders, responseHeaders])).default([]);

const BACKEND_KIND = { '': 'Service', [GROUP]: 'ExternalService' } as const;

export const backendRef = z.strictObject({
  group: z.enum(['', GROUP]).default(''),
  kind: z.enum(['Service', 'ExternalService']).default('Service'),
  namespace: label.optional(),
  name: label,
  port: portNumber,
  weight: z.int().min(0).max(1_000_000).default(1),
  filters: headerFilters,
}).refine(({ group, kind }) => BACKEND_KIND[group] === kind, { message: `must be a Service of group "", or an ExternalService of group ${GROUP}`, path: ['kind'] });

/** Where copies go: no share, and nothing of its own that changes them. */
const mirrorRef = z.strictObject({
  group: z.literal('').default(''), kind: z.literal('Service').default('Service'), namespace: label.optional(), name: label, port: portNumber,
});
/** Of a rule; more than one may stand there. */
export const requestMirror = z.strictObject({
  type: z.literal('RequestMirror'),
  requestMirror: z.strictObject({
    backendRef: mirrorRef,
    percent: z.int().min(0).max(100).optional(),
    fraction: z.strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).default(100) })
      .refine(({ numerator, denominator }) => numerator <= denominator, { message: 'numerator must not be greater than denominator' }).optional(),
  }).refine(({ percent, fraction }) => percent === undefined || fraction === undefined, { message: 'percent and fraction exclude each other' }),
});

const parentRef = z.strictObject({
  group: z.string().default('gateway.networking.k8s.io'),
  kind: z.string().default('Gateway'),
  namespace: label.optional(),
  name: subdomain,
  sectionName: z.string().optional(),
  port: portNumber.optional(),
});
export const parentRefs = z.array(parentRef).min(1).max(32);

export const routeMetadata = z.looseObject({
  name: subdomain, namespace: label, generation: z.int().optional(), creationTimestamp: z.string().optional(),
});

/** Whether no two rules have one name. */
export function namesDiffer(rules: readonly { readonly name?: string | undefined }[]): boolean {
  return uniqueBy(rules.filter(({ name }) => name !== undefined), ({ name }) => name!);
}

export type BackendRef = z.infer<typeof backendRef>;
export type RequestMirror = z.infer<typeof requestMirror>;
export type ParentRef = z.infer<typeof parentRef>;
export type HeaderFilter = z.infer<typeof headerFilters>[number];
export type HeaderMatch = z.infer<typeof headerMatches>[number];

/** A parent that is a Service: the route is the mesh's business (GEP-1426), whatever else it is attached to. */
export function isServiceParent(ref: unknown): boolean {
  if (typeof ref !== 'object' || ref === null) return false;
  const { group, kind } = ref as { group?: unknown; kind?: unknown };
  return kind === 'Service' && (group === '' || group === 'core');
}
