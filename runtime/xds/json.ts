import { fromJson as read, toJson as write, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { registry, type Schema } from './codec';
import { UnsupportedSchema } from './gen/meshwright/v1/unsupported_pb';
import { named } from './gen/roots';

export type { JsonValue };

const TYPE = '@type';

type Dictionary = Record<string, unknown>;

/** An Any may also hold one of Envoy's types that nothing here reads, under its own name. */
const inJson = {
  ...registry,
  getMessage: (name: string): Schema | undefined =>
    registry.getMessage(name) ?? (named.has(name) ? { ...UnsupportedSchema, typeName: name } : undefined),
};

/** A JSON value that is no such message; the message names the path in the document, the bad value and the rule. */
export class XdsJsonError extends Error {
  override readonly name = 'XdsJsonError';
}

/**
 * The message that a protobuf JSON value describes. Field names may be written in either case (`load_assignment`, `loadAssignment`), and an Any
 * has its `@type` beside its fields. A field or type that we do not have is an error. What a field holds that the proxy refuses is not read:
 * the field is set, so that whoever checks the message can name it.
 */
export function fromJson<S extends Schema>(schema: S, json: unknown): MessageShape<S> {
  try {
    return read(schema, json as JsonValue, { registry: inJson });
  } catch (error) {
    // Only such documents have something to take out, so the others do not pay for the search.
    const rest = withoutUnsupported(schema, json);
    if (rest !== json) return fromJson(schema, rest);
    throw new XdsJsonError((error as Error).message, { cause: error });
  }
}

/** The message as protobuf JSON with the names of the proto files, as Envoy prints it (`load_assignment`). */
export function toJson<S extends Schema>(schema: S, message: MessageShape<S>): JsonValue {
  return write(schema, message, { registry: inJson, useProtoFieldName: true });
}

/** The document with nothing in the objects of unsupported messages; the same one where there is nothing in any. */
function withoutUnsupported(schema: Schema, json: unknown): unknown {
  if (!isObject(json)) return json;
  if (schema.file === UnsupportedSchema.file) {
    if (Object.keys(json).every((key) => key === TYPE)) return json;
    return TYPE in json ? { [TYPE]: json[TYPE] } : {};
  }
  if (schema === AnySchema) {
    const type = json[TYPE];
    // What is no text is an error of whoever reads it.
    if (typeof type !== 'string') return json;
    const packed = inJson.getMessage(type.slice(type.lastIndexOf('/') + 1));
    return packed ? withoutUnsupported(packed, json) : json;
  }
  return mapObject(json, (value, key) => {
    const field = schema.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (!field?.message) return value;
    const one = (item: unknown) => withoutUnsupported(field.message!, item);
    if (field.fieldKind === 'list') return Array.isArray(value) ? mapArray(value, one) : value;
    if (field.fieldKind === 'map') return isObject(value) ? mapObject(value, one) : value;
    return one(value);
  });
}

function mapArray(items: readonly unknown[], change: (item: unknown) => unknown): readonly unknown[] {
  const changed = items.map(change);
  return changed.every((item, index) => item === items[index]) ? items : changed;
}

function mapObject(object: Dictionary, change: (value: unknown, key: string) => unknown): Dictionary {
  const changed = Object.entries(object).map(([key, value]) => [key, change(value, key)] as const);
  return changed.every(([key, value]) => value === object[key]) ? object : Object.fromEntries(changed);
}

function isObject(value: unknown): value is Dictionary {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
