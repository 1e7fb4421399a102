import type { DescField, DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { schemaOf, decode } from './codec';

/** A field that is set in a message. */
export interface VisitedField {
  /** From the message that the visit began with, in proto names: `filter_chains[0].filters[1].typed_config.stat_prefix`. */
  readonly path: string;
  /** The message that has the field. */
  readonly schema: DescMessage;
  /** Undefined for a number that the schema does not have. */
  readonly field: DescField | undefined;
  readonly number: number;
  /** As the message holds it; a whole list or map. Undefined for an unknown field. */
  readonly value: unknown;
}

type Visit = (field: VisitedField) => boolean | void;
type Unreadable = (path: string, any: Any, error: Error) => void;
type Dictionary = Record<string, unknown>;

/**
 * Calls `visit` for every field that is set, unknown ones included, outermost first, into lists, maps and every Any whose type we have. Where
 * `visit` returns false what the field holds is left out.
 *
 * @param unreadable is told of an Any whose bytes are not of the type that it names, and the visit goes on behind it; without it the decoder's error is thrown.
 */
export function visitFields(schema: DescMessage, message: Message, visit: Visit, path = '', unreadable?: Unreadable): void {
  for (const unknown of message.$unknown ?? []) {
    visit({ path: join(path, `#${unknown.no}`), schema, field: undefined, number: unknown.no, value: undefined });
  }
  for (const field of schema.fields) {
    const value = valueOf(message, field);
    if (!isSet(field, value)) continue;
    const at = join(path, field.name);
    if (visit({ path: at, schema, field, number: field.number, value }) === false) continue;
    if (field.fieldKind === 'message') inner(field.message, value, visit, at, unreadable);
    if (field.fieldKind === 'list' && field.listKind === 'message') {
      (value as unknown[]).forEach((item, index) => inner(field.message, item, visit, `${at}[${index}]`, unreadable));
    }
    if (field.fieldKind === 'map' && field.mapKind === 'message') {
      Object.entries(value as Dictionary).forEach(([key, item]) =>
        inner(field.message, item, visit, `${at}[${JSON.stringify(key)}]`, unreadable));
    }
  }
}

/** Paths of the fields left over after a decode: sent by somebody whose schema is newer than ours. An Any is looked into where we have its type. */
export function unknownFields(schema: DescMessage, message: Message): string[] {
  const paths: string[] = [];
  visitFields(schema, message, (field) => { if (!field.field) paths.push(field.path); });
  return paths;
}

function inner(schema: DescMessage, value: unknown, visit: Visit, path: string, unreadable?: Unreadable): void {
  // Wrappers and Struct are held as the value itself.
  if (!isMessageObject(value)) return;
  if (schema.typeName !== 'google.protobuf.Any') return visitFields(schema, value, visit, path, unreadable);
  const any = value as Any;
  const packed = schemaOf(any.typeUrl);
  if (!packed) return;
  let message: Message;
  try {
    message = decode(packed, any.value);
  } catch (error) {
    if (!unreadable) throw error;
    return unreadable(path, any, error as Error);
  }
  visitFields(packed, message, visit, path, unreadable);
}

/** The message with the entries of all maps in the order of their keys; the same message where they already are. */
export function sortMaps<S extends DescMessage>(schema: S, message: MessageShape<S>): MessageShape<S> {
  return sorted(schema, message) as MessageShape<S>;
}

const withMaps = new WeakMap<DescMessage, readonly DescField[]>();

/** The fields of a type below which there can be a map. */
function fieldsWithMaps(schema: DescMessage): readonly DescField[] {
  let fields = withMaps.get(schema);
  if (!fields) {
    fields = schema.fields.filter((field) => field.fieldKind === 'map' || (field.message !== undefined && reachesMap(field.message, new Set())));
    withMaps.set(schema, fields);
  }
  return fields;
}

function reachesMap(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some((field) => field.fieldKind === 'map' || (field.message !== undefined && reachesMap(field.message, seen)));
}

function sorted(schema: DescMessage, message: Message): Message {
  let copy: Dictionary | undefined;
  for (const field of fieldsWithMaps(schema)) {
    const value = valueOf(message, field);
    if (value === undefined || value === null) continue;
    const after = sortedField(field, value);
    if (after === value) continue;
    copy ??= Object.assign(Object.create(Object.getPrototypeOf(message) as object), message) as Dictionary;
    if (field.oneof) copy[field.oneof.localName] = { case: field.localName, value: after };
    else copy[field.localName] = after;
  }
  return (copy as Message | undefined) ?? message;
}

function sortedField(field: DescField, value: unknown): unknown {
  const one = (item: unknown): unknown =>
    isMessageObject(item) && field.message ? sorted(field.message, item) : typeof item === 'object' ? sortedJson(item) : item;
  if (field.fieldKind === 'list') {
    const items = (value as unknown[]).map(one);
    return items.some((item, index) => item !== (value as unknown[])[index]) ? items : value;
  }
  if (field.fieldKind !== 'map') return one(value);
  return sortedEntries(value as Dictionary, field.mapKind === 'message' ? one : (item) => item);
}

/** A Struct is held as JSON. */
function sortedJson(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sortedJson);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  return typeof value === 'object' && value !== null ? sortedEntries(value as Dictionary, sortedJson) : value;
}

function sortedEntries(value: Dictionary, item: (value: unknown) => unknown): Dictionary {
  const keys = Object.keys(value);
  const order = [...keys].sort();
  const items = order.map((key) => item(value[key]));
  const same = order.every((key, index) => key === keys[index] && items[index] === value[key]);
  return same ? value : Object.fromEntries(order.map((key, index) => [key, items[index]]));
}

function isMessageObject(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && '$typeName' in value;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function valueOf(message: Message, field: DescField): unknown {
  if (!field.oneof) return (message as unknown as Dictionary)[field.localName];
  const choice = (message as unknown as Dictionary)[field.oneof.localName] as { case?: string; value?: unknown };
  return choice.case === field.localName ? choice.value : undefined;
}

function isSet(field: DescField, value: unknown): boolean {
  if (value === undefined) return false;
  if (field.fieldKind === 'list') return (value as unknown[]).length > 0;
  if (field.fieldKind === 'map') return Object.keys(value as object).length > 0;
  // A oneof's member is set by being chosen, and so is a field with presence.
  if (field.oneof || field.fieldKind === 'message' || field.presence !== 2) return true;
  return !(value === 0 || value === 0n || value === false || value === '' || (value instanceof Uint8Array && value.length === 0));
}
