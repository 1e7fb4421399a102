/** How the proxy takes one field of a message. A field without a rule is refused. */
export type FieldRule =
  | { readonly kind: 'accepted'; readonly note?: string }
  /** Taken and without effect; `note` says why that is right. */
  | { readonly kind: 'ignored'; readonly note: string }
  /** Refused unless it has one of these values (proto JSON: enum members by name). */
  | { readonly kind: 'only'; readonly values: readonly (string | number | boolean)[]; readonly note?: string };

/** Rules by field name. */
export type MessageRules = Readonly<Record<string, FieldRule>>;
/** Rules by full name of the message type. */
export type RuleTable = Readonly<Record<string, MessageRules>>;

export const accepted: FieldRule = { kind: 'accepted' };

export function acceptedWith(note: string): FieldRule {
  return { kind: 'accepted', note };
}

export function ignored(note: string): FieldRule {
  return { kind: 'ignored', note };
}

export function only(values: readonly (string | number | boolean)[], note?: string): FieldRule {
  return note === undefined ? { kind: 'only', values } : { kind: 'only', values, note };
}

/** The same rule for several fields. */
export function each<K extends string>(fields: readonly K[], rule: FieldRule): Record<K, FieldRule> {
  return Object.fromEntries(fields.map((field) => [field, rule])) as Record<K, FieldRule>;
}
