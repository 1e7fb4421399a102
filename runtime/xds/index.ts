/**
 * The one codec module: every protobuf message of the planes is made, read and written here, and nothing else imports the generated code or a
 * protobuf library.
 */
export { create, decode, encode, isMessage, packAny, schemaOf, typeUrlOf, unpackAny, unpackAnyAs } from './codec';
export type { Message, MessageInit, Schema } from './codec';
export { duration, milliseconds } from './duration';
export { fromJson, toJson, XdsJsonError } from './json';
export type { JsonValue } from './json';
export { Method } from './methods';
export { TypeUrl } from './type-url';
export * from './types';
export { unknownFields, visitFields } from './walk';
export type { VisitedField } from './walk';
