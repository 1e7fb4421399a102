import * as z from 'zod';
import { parseDuration, DURATION } from './duration';
import { API_VERSION, DNS_LABEL, DNS_SUBDOMAIN, GEOHASH, HEADER_NAME, ROUTE_RULE, TOKEN } from './names';

/**
 * A rule that needs more than one field: the CEL expression that the API server evaluates (`x-kubernetes-validations`), what it says when it
 * does not hold, and the same in TypeScript. A property test holds the two against each other.
 */
export interface CelRule<T> {
  readonly rule: string;
  readonly message: string;
  readonly holds: (value: T) => boolean;
  /** The member that the message is about; the whole where it is left out. */
  readonly member?: keyof T & string;
}

/** Member of a schema's metadata that the CRD generator turns into `x-kubernetes-validations`. */
export const VALIDATIONS = 'x-kubernetes-validations';
/** Member of a schema's metadata: the key fields of a list that is a map (`x-kubernetes-list-type: map`). */
export const LIST_MAP_KEYS = 'x-kubernetes-list-map-keys';

/** The schema with rules that the API server checks too. */
export function withRules<S extends z.ZodType>(schema: S, ...rules: readonly CelRule<z.infer<S>>[]): S {
  let checked = schema;
  for (const { holds, message, member } of rules) {
    checked = checked.refine((value) => holds(value as z.infer<S>), { message, path: member === undefined ? [] : [member] }) as S;
  }
  const before = (schema.meta()?.[VALIDATIONS] ?? []) as readonly object[];
  return checked.meta({ ...schema.meta(), [VALIDATIONS]: [...before, ...rules.map(validation)] });
}

function validation<T>({ rule, message, member }: CelRule<T>): object {
  return { rule, message, ...member === undefined ? {} : { fieldPath: `.${member}` } };
}

/** A rule: exactly one of the members is set. */
export function exactlyOne<T extends object>(...members: readonly (keyof T & string)[]): CelRule<T> {
  const set = members.map((member) => `has(self.${member})`);
  return {
    // The API server has a budget for what rules cost, of which a list takes much more; deep in lists of lists there is not room for one.
    rule: set.length === 2 ? set.join(' != ') : `[${set.join(', ')}].filter(set, set).size() == 1`,
    message: `exactly one of ${members.join(', ')} must be set`,
    holds: (value) => members.filter((member) => value[member] !== undefined).length === 1,
  };
}

/** A list whose items are told apart by `keys`; a second item with the same values is refused. */
export function listMap<S extends z.ZodType>(item: S, keys: string | readonly string[], max: number, min = 0): z.ZodArray<S> {
  const names = typeof keys === 'string' ? [keys] : [...keys];
  const keyOf = (one: unknown): string => JSON.stringify(names.map((name) => (one as Record<string, unknown>)[name]));
  return (min === 0 ? z.array(item) : z.array(item).min(min)).max(max)
    .refine((items) => new Set(items.map(keyOf)).size === items.length, { message: `two items have the same ${names.join(' and ')}` })
    .meta({ [LIST_MAP_KEYS]: names });
}

/** A list without order or doubles. */
export function listSet<S extends z.ZodType>(item: S, max: number, min = 0): z.ZodArray<S> {
  return (min === 0 ? z.array(item) : z.array(item).min(min)).max(max)
    .refine((items) => new Set(items).size === items.length, { message: 'an item stands twice' })
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A text that is not empty, its length counted in code points as Kubernetes does, not in UTF-16 units as zod does. */
export function text(max: number): z.ZodString {
  return z.string().refine((value) => value !== '' && (value.length <= max || [...value].length <= max), { message: `must have 1 to ${max} characters` })
    .meta({ minLength: 1, maxLength: max });
}

/** A text by a pattern. `rule` says in words what the pattern and the length ask for, whichever of them is broken. */
export function matching(pattern: string, max: number, rule: string): z.ZodString {
  return z.string({ error: rule }).min(1, { error: rule }).max(max, { error: rule }).regex(new RegExp(pattern), { error: rule });
}

/** What is said of a text that is no DNS label. */
export const LABEL_RULE = 'must be 1 to 63 lower-case letters, digits and hyphens, with a letter or digit first and last';
/** What is said of a text that is no DNS subdomain. */
export const SUBDOMAIN_RULE = 'must be 1 to 253 lower-case letters, digits, hyphens and dots, with a letter or digit first and last and around each dot';
/** What is said of a text that is no duration. */
export const DURATION_RULE = 'must be a positive duration of at most 24h, such as 500ms or 1m30s';

/** Longest positive duration that a document may hold, in milliseconds: a day. */
const LONGEST = 86_400_000;

/** Milliseconds for a rule to compare: NaN, with which no comparison holds, for a text that its own rule refuses. */
export function milliseconds(duration: string | undefined): number {
  return (duration === undefined ? undefined : parseDuration(duration)) ?? Number.NaN;
}

/** A positive duration of at most a day. */
export const positiveDuration = withRules(
  matching(DURATION, 20, DURATION_RULE),
  {
    rule: `self.matches('${DURATION}') && duration(self) > duration('0s') && duration(self) <= duration('24h')`,
    message: DURATION_RULE,
    holds: (value) => {
      const ms = milliseconds(value);
      return !(ms <= 0 || ms > LONGEST);
    },
  },
);

export const dnsLabel = matching(DNS_LABEL, 63, LABEL_RULE);
export const dnsSubdomain = matching(DNS_SUBDOMAIN, 253, SUBDOMAIN_RULE);
export const headerName = matching(HEADER_NAME, 128, 'must be the name of a header in lower case, such as x-user');
export const cookieName = matching(TOKEN, 128, 'must be the name of a cookie: letters, digits and !#$%&\'*+-.^_`|~');
export const geohash = matching(GEOHASH, 12, 'must be 1 to 12 characters of the geohash alphabet: digits and lower-case letters without a, i, l and o');
export const routeRule = matching(ROUTE_RULE, 317, 'must be <HTTPRoute name>/<rule name>, such as payment/canary');
export const portNumber = z.int().min(1).max(65_535);
export const percent = z.int().min(1).max(100);

/** The mesh that something belongs to. */
export const meshReference = z.strictObject({
  name: dnsSubdomain.describe('Name of the Mesh.'),
  namespace: dnsLabel.describe('Namespace of the Mesh.'),
}).describe('The mesh that the service joins.');

/** Kubernetes' own words on `kind`. */
export const KIND = 'What the object is; the name of its schema.';
export const apiVersion = z.literal(API_VERSION).describe('Group and version of the schema.');

/** Metadata that every object of ours needs; the rest is Kubernetes' own. */
export const objectMeta = z.looseObject({
  name: dnsSubdomain,
  namespace: dnsLabel,
  generation: z.int().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** A time in UTC with seconds, in short: the format `date-time` says the rest, but would let an offset pass. */
const UTC = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$';

/** `metav1.Condition`. */
export const condition = z.strictObject({
  type: z.string().min(1).max(316).describe('What the condition is about: Accepted, ResolvedRefs or Programmed.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/).describe('Why, in one word for programs.'),
  message: z.string().refine((value) => [...value].length <= 32_768, { message: 'must have at most 32768 characters' }).meta({ maxLength: 32_768 })
    .describe('Why, for people: the bad value, the rule and the fix.'),
  lastTransitionTime: z.iso.datetime().min(20).max(40).meta({ pattern: UTC }).describe('When the status changed last.'),
  observedGeneration: z.int().min(0).optional().describe('The metadata.generation that this is about.'),
});

/** What the control plane writes to every object of ours. */
export const status = z.strictObject({
  conditions: listMap(condition, 'type', 8).optional().describe('Accepted, ResolvedRefs and Programmed.'),
});
