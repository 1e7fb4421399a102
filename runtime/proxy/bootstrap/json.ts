import { fromJson, schemaOf, XdsJsonError, type Schema } from '../../xds';
import { show, type Problems } from '../config/problems';

type Shape<S extends Schema> = ReturnType<typeof fromJson<S>>;
type Field = Schema['fields'][number];
type Json = Record<string, unknown>;

const ANY = 'google.protobuf.Any';

/**
 * The message that a JSON document describes. Where it describes none, every reason is added with its path; a codec by itself stops at the first
 * and names only the message type.
 */
export function messageFromJson<S extends Schema>(schema: S, json: unknown, problems: Problems): Shape<S> | undefined {
  try {
    return fromJson(schema, json);
  } catch (error) {
    if (!(error instanceof XdsJsonError)) throw error;
    const before = problems.list().length;
    locate(schema, json, '', problems);
    if (problems.list().length === before) problems.add('', error.message);
    return undefined;
  }
}

function locate(schema: Schema, json: unknown, path: string, problems: Problems): void {
  if (schema.typeName.startsWith('google.protobuf.')) return whole(schema, json, path, problems);
  if (!isObject(json)) {
    problems.add(path, `${show(json)} must be an object (${schema.typeName})`);
    return;
  }
  const chosen = new Map<string, string>();
  for (const [key, value] of Object.entries(json)) {
    const at = path === '' ? key : `${path}.${key}`;
    const field = fieldOf(schema, key);
    if (!field) problems.add(at, `is no field of ${schema.typeName}${suggestion(schema, key)}`);
    else if (value !== null) inField(schema, field, key, value, at, problems);
    const group = field?.oneof?.name;
    if (group === undefined || value === null) continue;
    if (chosen.has(group)) problems.add(at, `excludes ${chosen.get(group)}: only one of them can be set`);
    chosen.set(group, key);
  }
}

function inField(schema: Schema, field: Field, key: string, value: unknown, path: string, problems: Problems): void {
  if (field.fieldKind === 'message') return inMessage(field.message, value, path, problems);
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) problems.add(path, `${show(value)} must be a list`);
    else if (field.listKind === 'message') value.forEach((item, index) => inMessage(field.message, item, `${path}[${index}]`, problems));
    else value.forEach((item, index) => single(schema, { [key]: [item] }, item, `${path}[${index}]`, problems));
    return;
  }
  if (field.fieldKind === 'map') {
    if (!isObject(value)) {problems.add(path, `${show(value)} must be an object`);} else {
      for (const [name, item] of Object.entries(value)) {
        const at = `${path}[${JSON.stringify(name)}]`;
        if (field.mapKind === 'message') inMessage(field.message, item, at, problems);
        else single(schema, { [key]: { [name]: item } }, item, at, problems);
      }
    }
    return;
  }
  single(schema, { [key]: value }, value, path, problems);
}

function inMessage(schema: Schema, value: unknown, path: string, problems: Problems): void {
  if (schema.typeName !== ANY) return locate(schema, value, path, problems);
  const type = isObject(value) ? value['@type'] : undefined;
  const packed = typeof type === 'string' ? schemaOf(type) : undefined;
  if (!isObject(value) || typeof type !== 'string') {
    problems.add(path, `${show(value)} must be an object with "@type"`);
  } else if (!packed) {
    problems.add(path, `${type} is not a type that is known here`);
  } else {
    const { '@type': _, ...rest } = value;
    if (packed.typeName.startsWith('google.protobuf.')) whole(packed, rest.value, path, problems);
    else locate(packed, rest, path, problems);
  }
}

/** A duration, a wrapper and the like: one JSON value. */
function whole(schema: Schema, value: unknown, path: string, problems: Problems): void {
  try {
    fromJson(schema, value);
  } catch {
    const kind = schema.typeName.slice('google.protobuf.'.length);
    problems.add(path, `${show(value)} is not a ${kind}${kind === 'Duration' ? ', such as "1.5s"' : ''}`);
  }
}

function single(schema: Schema, message: Json, value: unknown, path: string, problems: Problems): void {
  try {
    fromJson(schema, message);
  } catch (error) {
    const reason = /: (?:expected|invalid)? ?(.*)$/.exec((error as Error).message)?.[1];
    const field = fieldOf(schema, Object.keys(message)[0]);
    const members = field?.enum?.values.map((member) => member.name).join(', ');
    problems.add(path, `${show(value)} is wrong: ${members ? `one of ${members}` : reason ?? (error as Error).message}`);
  }
}

function fieldOf(schema: Schema, key: string): Field | undefined {
  return schema.fields.find((field) => field.name === key || field.jsonName === key);
}

/** The field that was probably meant: the same letters, or one of them wrong. */
function suggestion(schema: Schema, key: string): string {
  const wanted = key.toLowerCase().replaceAll(/[_-]/g, '');
  const near = schema.fields.find((field) => distanceAtMost(field.name.replaceAll('_', ''), wanted, 2));
  return near ? `; ${near.name}?` : '';
}

function distanceAtMost(a: string, b: string, bound: number): boolean {
  if (Math.abs(a.length - b.length) > bound || Math.min(a.length, b.length) <= bound) return false;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] <= bound;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * `over` merged over `base` as Envoy merges --config-yaml over --config-path: objects member by member, lists one after the other, anything else
 * replaced. A field is the same in both of its spellings.
 */
export function mergeJson(base: unknown, over: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(over)) return [...(base as unknown[]), ...(over as unknown[])];
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Json = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const same = Object.keys(merged).find((other) => plain(other) === plain(key)) ?? key;
    merged[same] = same in merged ? mergeJson(merged[same], value) : value;
  }
  return merged;
}

function plain(key: string): string {
  return key.replaceAll('_', '').toLowerCase();
}

