/** RFC 9113, as far as a server of gRPC needs it. */

export const FRAME_HEAD = 9;
export const MAX_FRAME = 16_384;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 2 ** 31 - 1;
/** Of a message: a byte for compression, four for its length. */
export const GRPC_HEAD = 5;

export const FrameType = {
  Data: 0, Headers: 1, Priority: 2, RstStream: 3, Settings: 4, PushPromise: 5, Ping: 6, GoAway: 7, WindowUpdate: 8, Continuation: 9,
} as const;

export const Flag = { EndStream: 1, Ack: 1, EndHeaders: 4, Padded: 8, Priority: 32 } as const;

export const Setting = { MaxConcurrentStreams: 3, InitialWindowSize: 4, MaxHeaderListSize: 6 } as const;

export const ErrorCode = {
  NoError: 0, ProtocolError: 1, InternalError: 2, FlowControlError: 3, StreamClosed: 5, FrameSizeError: 6, RefusedStream: 7, CompressionError: 9,
  EnhanceYourCalm: 11,
} as const;

/** Status of a call. */
export enum Status {
  Ok = 0, InvalidArgument = 3, PermissionDenied = 7, ResourceExhausted = 8, Unimplemented = 12, Unavailable = 14,
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + payload.length);
  writeHead(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, FRAME_HEAD);
  return bytes;
}

export function writeHead(bytes: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Of SETTINGS: pairs of a number and its value. */
export function settings(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values);
  const bytes = Buffer.allocUnsafe(6 * entries.length);
  entries.forEach(([key, value], index) => {
    bytes.writeUInt16BE(Number(key), 6 * index);
    bytes.writeUInt32BE(value, 6 * index + 2);
  });
  return bytes;
}

/** A field that stands in no table (RFC 7541 §6.2.2), without Huffman. */
export function literal(name: string, value: string): Buffer {
  const text = (of: string): Buffer => {
    const bytes = Buffer.from(of, 'latin1');
    return Buffer.concat([Buffer.from(bytes.length < 127 ? [bytes.length] : [127, ...varint(bytes.length - 127)]), bytes]);
  };
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return [...bytes, left];
}
