import { fromJson as read, toJson as write, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { registry, type Schema } from './codec';

export type { JsonValue };

/** A JSON value that is no such message; the message names the path in the document, the bad value and the rule. */
export class XdsJsonError extends Error {
  override readonly name = 'XdsJsonError';
}

/**
 * The message that a protobuf JSON value describes. Field names may be written in either case (`load_assignment`, `loadAssignment`), and an Any
 * has its `@type` beside its fields. A field or type that we do not have is an error.
 */
export function fromJson<S extends Schema>(schema: S, json: unknown): MessageShape<S> {
  try {
    return read(schema, json as JsonValue, { registry });
  } catch (error) {
    throw new XdsJsonError((error as Error).message, { cause: error });
  }
}

/** The message as protobuf JSON with the names of the proto files, as Envoy prints it (`load_assignment`). */
export function toJson<S extends Schema>(schema: S, message: MessageShape<S>): JsonValue {
  return write(schema, message, { registry, useProtoFieldName: true });
}
