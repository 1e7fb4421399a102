import {
  create as createMessage, createRegistry, fromBinary, isMessage as isMessageOf, toBinary,
  type DescMessage, type Message, type MessageInitShape, type MessageShape,
} from '@bufbuild/protobuf';
import {
  AnySchema, BoolValueSchema, BytesValueSchema, DoubleValueSchema, DurationSchema, EmptySchema, StringValueSchema, StructSchema, TimestampSchema,
  UInt32ValueSchema, ValueSchema, type Any,
} from '@bufbuild/protobuf/wkt';
import { roots } from './gen/roots';
import { forgetSources } from './lean';
import { sortMaps } from './walk';

export type { Message };
/** Describes a message type. */
export type Schema = DescMessage;
/** What `create` takes for a message: any part of its fields. */
export type MessageInit<S extends Schema> = MessageInitShape<S>;

/** Every type that an Any may hold. */
export const registry = createRegistry(
  ...roots, AnySchema, BoolValueSchema, BytesValueSchema, DoubleValueSchema, DurationSchema, EmptySchema, StringValueSchema, StructSchema,
  TimestampSchema, UInt32ValueSchema, ValueSchema,
);

forgetSources([...registry].map((type) => type.file));

const PREFIX = 'type.googleapis.com/';

/** A message of the type, with the given fields set. */
export function create<S extends Schema>(schema: S, init?: MessageInit<S>): MessageShape<S> {
  return createMessage(schema, init);
}

/** Whether the value is a message of the type. */
export function isMessage<S extends Schema>(value: unknown, schema: S): value is MessageShape<S> {
  return isMessageOf(value, schema);
}

/**
 * The message in binary. Equal messages give equal bytes: fields go by number and the entries of maps by key, so a hash of the bytes is a
 * version of the resource. (Protobuf promises that for one version of one encoder only: never compare with bytes that others made.)
 */
export function encode<S extends Schema>(schema: S, message: MessageShape<S>): Uint8Array {
  return toBinary(schema, sortMaps(schema, message));
}

/** The message that the bytes hold. Fields that the schema does not have are kept in it; see `unknownFields`. */
export function decode<S extends Schema>(schema: S, bytes: Uint8Array): MessageShape<S> {
  return fromBinary(schema, bytes);
}

/** The type URL of a type, as an Any or an xDS stream names it. */
export function typeUrlOf(schema: Schema): string {
  return PREFIX + schema.typeName;
}

/** The type that a type URL names, where we have it. */
export function schemaOf(typeUrl: string): Schema | undefined {
  return registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
}

/** An Any that holds the message. */
export function packAny<S extends Schema>(schema: S, message: MessageShape<S>): Any {
  return createMessage(AnySchema, { typeUrl: typeUrlOf(schema), value: encode(schema, message) });
}

/** The message in an Any, with its schema; undefined for a type that we do not have. Throws for bytes that are no such message. */
export function unpackAny(any: Any): { readonly schema: Schema; readonly message: Message } | undefined {
  const schema = schemaOf(any.typeUrl);
  return schema && { schema, message: decode(schema, any.value) };
}

/** The message in an Any if it is of this type. Throws for bytes that are no such message. */
export function unpackAnyAs<S extends Schema>(schema: S, any: Any | undefined): MessageShape<S> | undefined {
  return any && any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1) === schema.typeName ? decode(schema, any.value) : undefined;
}
