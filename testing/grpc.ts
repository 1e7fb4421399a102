import type { TestResponse } from './client';
import type { Stub, StubAnswer, StubRequest } from './stub-service';

/** Codes by name: https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
export enum GrpcCode {
  OK = 0,
  CANCELLED = 1,
  UNKNOWN = 2,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  NOT_FOUND = 5,
  ALREADY_EXISTS = 6,
  PERMISSION_DENIED = 7,
  RESOURCE_EXHAUSTED = 8,
  FAILED_PRECONDITION = 9,
  ABORTED = 10,
  OUT_OF_RANGE = 11,
  UNIMPLEMENTED = 12,
  INTERNAL = 13,
  UNAVAILABLE = 14,
  DATA_LOSS = 15,
  UNAUTHENTICATED = 16,
}

/** A call. Messages are bytes: whoever has a .proto encodes them. */
export interface GrpcOptions {
  /** Messages of the client, in order; one empty message where it is left out. */
  readonly messages?: readonly Uint8Array[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Virtual milliseconds that the client says it waits (`grpc-timeout`). */
  readonly timeout?: number;
}

/** How a call ended. */
export interface GrpcAnswer {
  readonly code: GrpcCode;
  readonly message: string;
  readonly messages: readonly Buffer[];
  /** Headers and trailers together. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Virtual milliseconds from sending to the end. */
  readonly elapsed: number;
}

/** What a method answers. */
export interface GrpcReply {
  /** OK where it is left out. */
  readonly code?: GrpcCode;
  readonly message?: string;
  /** Messages of the server, in order. */
  readonly messages?: readonly Uint8Array[];
  readonly trailers?: Readonly<Record<string, string>>;
  /** Virtual milliseconds until it answers. */
  readonly delay?: number;
}

/** A call as it came to a method. */
export interface GrpcCall extends StubRequest {
  /** `shop.v1.Quotes/Get`. */
  readonly grpcMethod: string;
  readonly messages: readonly Buffer[];
}

export type GrpcMethod = (call: GrpcCall) => GrpcReply | 'reset' | 'hang' | Promise<GrpcReply | 'reset' | 'hang'>;

/** An application of gRPC: functions by `<service>/<method>`. Others are answered UNIMPLEMENTED. */
export function grpcStub(methods: Readonly<Record<string, GrpcMethod>>): Stub {
  return async (request) => {
    const grpcMethod = request.path.slice(1);
    const method = Object.hasOwn(methods, grpcMethod) ? methods[grpcMethod] : undefined;
    if (!method) return answerOf({ code: GrpcCode.UNIMPLEMENTED, message: `no method ${grpcMethod}` });
    const reply = await method({ ...request, grpcMethod, messages: messagesIn(request.bytes) });
    return typeof reply === 'string' ? reply : answerOf(reply);
  };
}

/** As servers do: a failure without a message is all in the head (Trailers-Only), so that it may be tried again. */
function answerOf({ code = GrpcCode.OK, message, messages = [], trailers = {}, delay = 0 }: GrpcReply): StubAnswer {
  const type = { 'content-type': 'application/grpc' };
  const end = { 'grpc-status': String(code), ...message === undefined ? {} : { 'grpc-message': encodeURIComponent(message) }, ...trailers };
  if (code !== GrpcCode.OK && messages.length === 0) return { headers: { ...type, ...end }, delay };
  return { headers: type, body: framed(messages), trailers: end, delay };
}

/** Length-prefixed messages, none of them compressed. */
export function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return [prefix, message];
  }));
}

/** @throws for bytes that are no length-prefixed messages */
export function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + (at + 5 <= bytes.length ? bytes.readUInt32BE(at + 1) : Infinity);
    if (end > bytes.length || bytes[at] !== 0) throw new Error(`no gRPC message at byte ${at} of ${bytes.length}`);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

/** `grpc-timeout` of a client. */
export function callHeaders({ metadata = {}, timeout }: GrpcOptions): Record<string, string> {
  return { 'content-type': 'application/grpc', 'te': 'trailers', ...timeout === undefined ? {} : { 'grpc-timeout': `${timeout}m` }, ...metadata };
}

/** What a client makes of an answer; without a `grpc-status` it is UNKNOWN. */
export function grpcAnswer({ status, headers, trailers, bytes, elapsed }: TestResponse): GrpcAnswer {
  const metadata = { ...headers, ...trailers };
  const code = metadata['grpc-status'];
  return {
    code: code === undefined ? GrpcCode.UNKNOWN : Number(code) as GrpcCode,
    message: code === undefined ? `HTTP status ${status} without grpc-status` : decodeURIComponent(metadata['grpc-message'] ?? ''),
    messages: code === undefined ? [] : messagesIn(bytes),
    metadata,
    elapsed,
  };
}
