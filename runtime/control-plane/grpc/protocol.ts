import { FRAME_HEAD } from '../../proxy/http2/protocol';

/** Of a message: a byte for compression, four for its length. */
export const GRPC_HEAD = 5;

/** Status of a call. */
export enum Status {
  Ok = 0, InvalidArgument = 3, PermissionDenied = 7, ResourceExhausted = 8, Unimplemented = 12, Unavailable = 14,
}

/** A whole frame (RFC 9113 §4.1). */
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
