import * as z from 'zod';
import { parseDuration, DURATION } from './duration';
import { DNS_LABEL, DNS_SUBDOMAIN, HEADER_NAME } from './names';

/**
 * A rule that needs more than one field: the CEL expression that the API server evaluates (`x-kubernetes-validations`), what it says when it
 * does not hold, and the same in TypeScript. A property test holds the two against each other.
 */
export interface CelRule<T> {
  readonly rule: string;
  readonly message: string;
  readonly holds: (value: T) => boolean;
}

/** Member of a schema's metadata that the CRD generator turns into `x-kubernetes-validations`. */
export const VALIDATIONS = 'x-kubernetes-validations';
/** Member of a schema's metadata: the key fields of a list that is a map (`x-kubernetes-list-type: map`). */
export const LIST_MAP_KEYS = 'x-kubernetes-list-map-keys';

/** The schema with rules that the API server checks too. */
export function withRules<S extends z.ZodType>(schema: S, ...rules: readonly CelRule<z.infer<S>>[]): S {
  let checked = schema;
  for (const { holds, message } of rules) checked = checked.refine((value) => holds(value as z.infer<S>), { message }) as S;
  const before = (schema.meta()?.[VALIDATIONS] ?? []) as readonly object[];
  return checked.meta({ ...schema.meta(), [VALIDATIONS]: [...before, ...rules.map(({ rule, message }) => ({ rule, message }))] });
}

/** A rule: exactly one of the members is set. */
export function exactlyOne<T extends object>(...members: readonly (keyof T & string)[]): CelRule<T> {
  return {
    rule: `[${members.map((member) => `has(self.${member})`).join(', ')}].filter(set, set).size() == 1`,
    message: `exactly one of ${members.join(', ')} must be set`,
    holds: (value) => members.filter((member) => value[member] !== undefined).length === 1,
  };
}

/** A list whose items are told apart by `key`; a second item with the same value is refused. */
export function listMap<S extends z.ZodType>(item: S, key: string, max: number): z.ZodArray<S> {
  return z.array(item).max(max)
    .refine((items) => new Set(items.map((one) => (one as Record<string, unknown>)[key])).size === items.length, {
      message: `two items have the same ${key}`,
    })
    .meta({ [LIST_MAP_KEYS]: [key] });
}

/** Longest positive duration that a document may hold, in milliseconds: a day. */
const LONGEST = 86_400_000;

/** A positive duration of at most a day. */
export const positiveDuration = withRules(
  z.string().max(20).regex(new RegExp(DURATION)),
  {
    rule: "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) > duration('0s') && duration(self) <= duration('24h')",
    message: 'must be a positive duration of at most 24h, such as 500ms or 1m30s',
    holds: (text) => {
      const ms = parseDuration(text);
      return ms !== undefined && ms > 0 && ms <= LONGEST;
    },
  },
);

export const dnsLabel = z.string().min(1).max(63).regex(new RegExp(DNS_LABEL));
export const dnsSubdomain = z.string().min(1).max(253).regex(new RegExp(DNS_SUBDOMAIN));
export const headerName = z.string().min(1).max(128).regex(new RegExp(HEADER_NAME));
export const portNumber = z.int().min(1).max(65_535);
export const percent = z.int().min(1).max(100);

/** Metadata that every object of ours needs; the rest is Kubernetes' own. */
export const objectMeta = z.looseObject({
  name: dnsSubdomain,
  namespace: dnsLabel,
  generation: z.int().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** `metav1.Condition`. */
export const condition = z.strictObject({
  type: z.string().min(1).max(316).describe('What the condition is about: Accepted, ResolvedRefs or Programmed.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/).describe('Why, in one word for programs.'),
  message: z.string().max(32_768).describe('Why, for people: the bad value, the rule and the fix.'),
  lastTransitionTime: z.iso.datetime().describe('When the status changed last.'),
  observedGeneration: z.int().min(0).optional().describe('metadata.generation that this is about.'),
});

/** What the control plane writes to every object of ours. */
export const status = z.strictObject({
  conditions: listMap(condition, 'type', 8).optional().describe('Accepted, ResolvedRefs and Programmed.'),
});
