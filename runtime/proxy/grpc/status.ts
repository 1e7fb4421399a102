import { GRPC_STATUS_NAMES, GrpcStatus } from '../error';
import { equalsIgnoreCase, parseDecimal } from '../http1/bytes';
import type { Head } from '../http1/head';
import type { FieldSection } from '../http2/hpack/field-section';

export { GRPC_STATUS_NAMES, GrpcStatus };

/** Status of HTTP that breakers and outlier detection take a status of gRPC for, as Envoy does. */
const HTTP_STATUS = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

export function httpStatusOf(grpcStatus: number): number {
  return HTTP_STATUS[grpcStatus] ?? 500;
}

/** What a client of gRPC makes of a status of HTTP (gRPC over HTTP/2, "HTTP to gRPC status code mapping"). */
export function grpcStatusOf(httpStatus: number): number {
  switch (httpStatus) {
    case 400: return GrpcStatus.Internal;
    case 401: return GrpcStatus.Unauthenticated;
    case 403: return GrpcStatus.PermissionDenied;
    case 404: return GrpcStatus.Unimplemented;
    case 429: case 502: case 503: case 504: return GrpcStatus.Unavailable;
    default: return GrpcStatus.Unknown;
  }
}

const MEDIA_TYPE = 'application/grpc';

/** Whether a message is one of gRPC: `application/grpc`, perhaps with the coding of its messages, and not gRPC-Web. */
export function isGrpc(head: Head): boolean {
  const { bytes, base, count } = head;
  for (let i = 0; i < count; i++) {
    if (head.nameEnd(i) - head.nameStart(i) !== 12 || !head.isName(i, 'content-type')) continue;
    const start = base + head.valueStart(i), end = base + head.valueEnd(i);
    const rest = start + MEDIA_TYPE.length;
    if (rest > end) return false;
    for (let k = 0; k < MEDIA_TYPE.length; k++) if ((bytes[start + k] | (k === 11 ? 0 : 32)) !== MEDIA_TYPE.charCodeAt(k)) return false;
    return rest === end || bytes[rest] === 43 || bytes[rest] === 59 || bytes[rest] === 32;
  }
  return false;
}

/** The status that the head of an answer without a body has (Trailers-Only); -1: none. */
export function statusInHead(head: Head): number {
  for (let i = 0; i < head.count; i++) {
    if (head.nameEnd(i) - head.nameStart(i) !== 11 || !head.isName(i, 'grpc-status')) continue;
    return known(parseDecimal(head.bytes, head.base + head.valueStart(i), head.base + head.valueEnd(i)));
  }
  return -1;
}

/** The status in trailers; -1: none. */
export function statusInTrailers(fields: FieldSection): number {
  for (let i = 0; i < fields.count; i++) {
    const start = fields.nameStart(i), end = fields.nameEnd(i);
    if (end - start !== 11 || !equalsIgnoreCase(fields.bytes, start, end, 'grpc-status')) continue;
    return known(parseDecimal(fields.bytes, fields.valueStart(i), fields.valueEnd(i)));
  }
  return -1;
}

/** The text of the status in trailers, as it is encoded; empty: none. */
export function messageInTrailers(fields: FieldSection): string {
  for (let i = 0; i < fields.count; i++) {
    if (fields.name(i) === 'grpc-message') return fields.bytes.toString('latin1', fields.valueStart(i), fields.valueEnd(i));
  }
  return '';
}

/** A number that nobody knows, or that is none, is UNKNOWN. */
function known(status: number): number {
  return status >= 0 && status < GRPC_STATUS_NAMES.length ? status : GrpcStatus.Unknown;
}

/** grpc-message: bytes of UTF-8 outside of printable ASCII, and the percent sign, are percent-encoded. */
export function encodeMessage(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    encoded += byte >= 32 && byte <= 126 && byte !== 37 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The text of a grpc-message. What is encoded wrongly stays as it is ("Responses", gRPC over HTTP/2). */
export function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
