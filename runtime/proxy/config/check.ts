import { FilterConfigSchema, schemaOf, unpackAnyAs, visitFields, type Any, type HttpFilter, type Message, type Schema, type VisitedField } from '../../xds';
import { accepted, SUBSET_PAGE, type FieldRule } from './accepted';
import { show, type Problems } from './problems';

type Field = NonNullable<VisitedField['field']>;

const ANY = 'google.protobuf.Any';
const FILTER_CONFIG = 'envoy.config.route.v3.FilterConfig';

/**
 * Adds a problem for every set field of the message, however deep, that lies outside of the accepted subset. Whether the values inside of it
 * make sense is the decoders' to judge, where all of them can be read: false says that there is an Any whose bytes are not of the type it names.
 */
export function checkSubset(schema: Schema, message: Message, problems: Problems, root = ''): boolean {
  let readable = true;
  /** Below these nothing is looked at: their type is not in the table. */
  const closed: string[] = [];
  /** Filters that may be of a type nobody knows (is_optional). */
  const optional = new Set<string>();
  visitFields(schema, message, ({ path, schema: holder, field, value }) => {
    if (closed.some((prefix) => path.startsWith(prefix))) return false;
    if (!field) {
      problems.add(path, `is a field of ${holder.typeName} that this version does not know; remove it`);
      return false;
    }
    const rule = accepted[holder.typeName]?.[field.name];
    if (!rule) {
      problems.add(path, `${show(shown(field, value))} is not supported: remove it (${SUBSET_PAGE} lists what is, under ${holder.typeName})`);
      return false;
    }
    if (rule.kind === 'ignored') return false;
    if (rule.kind === 'only') checkValue(rule, field, value, path, problems);
    if (field.message?.typeName.endsWith('.HttpFilter') && field.fieldKind === 'list') {
      (value as HttpFilter[]).forEach((filter, index) => { if (filter.isOptional) optional.add(`${path}[${index}]`); });
    }
    for (const [at, any] of anysOf(field, value, path)) {
      if (isOptionalFilter(any)) optional.add(at);
      if (accepted[schemaOf(any.typeUrl)?.typeName ?? '']) continue;
      closed.push(at);
      if (!mayBeUnknown(holder, field, path, optional)) problems.add(at, `${any.typeUrl || 'an empty Any'} is not a type that is supported (${SUBSET_PAGE})`);
    }
    // Durations, wrappers and Struct have no fields of their own to judge.
    return field.message === undefined || field.message.typeName === ANY || !field.message.typeName.startsWith('google.protobuf.');
  }, root, (path, { typeUrl }, error) => {
    readable = false;
    problems.add(path, `holds no ${typeUrl.slice(typeUrl.lastIndexOf('/') + 1)}: ${error.message}`);
  });
  return readable;
}

function isOptionalFilter(any: Any): boolean {
  try {
    return unpackAnyAs(FilterConfigSchema, any)?.isOptional ?? false;
  } catch {
    // The visit says so when it comes there.
    return false;
  }
}

/** An Any of a type outside of the table is fine in metadata, in an optional filter, and where the decoder picks the first of several it knows. */
function mayBeUnknown(holder: Schema, field: Field, path: string, optional: ReadonlySet<string>): boolean {
  if (field.name === 'typed_filter_metadata') return true;
  if (holder.typeName.endsWith('.HttpFilter') || holder.typeName === FILTER_CONFIG) return optional.has(path.slice(0, path.lastIndexOf('.')));
  return /\bpolicies\[\d+\]\.typed_extension_config\.typed_config$/.test(path);
}

function checkValue(rule: Extract<FieldRule, { kind: 'only' }>, field: Field, value: unknown, path: string, problems: Problems): void {
  const found = shown(field, value);
  if (rule.values.includes(found as string)) return;
  const allowed = rule.values.map((item) => show(item)).join(', ');
  problems.add(path, `${show(found)} is not supported: ${rule.values.length === 1 ? 'it can only be' : 'one of'} ${allowed}${rule.note ? ` (${rule.note})` : ''}`);
}

/** The value as the document has it: an enum's member by its name, a message only hinted at. */
function shown(field: Field, value: unknown): unknown {
  if (field.fieldKind === 'enum') return field.enum.value[value as number]?.name ?? value;
  if (field.fieldKind === 'list') return Array.isArray(value) && value.every((item) => typeof item !== 'object') ? value : [];
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  // A wrapper in a oneof is held as the message that it is.
  return field.message?.typeName.endsWith('Value') && value !== null && 'value' in value ? value.value : {};
}

/** The Anys that a field holds, with their paths. */
function anysOf(field: Field, value: unknown, path: string): [string, Any][] {
  if (field.message?.typeName !== ANY) return [];
  if (field.fieldKind === 'list') return (value as Any[]).map((any, index) => [`${path}[${index}]`, any]);
  if (field.fieldKind === 'map') return Object.entries(value as Record<string, Any>).map(([key, any]) => [`${path}[${JSON.stringify(key)}]`, any]);
  return [[path, value as Any]];
}
