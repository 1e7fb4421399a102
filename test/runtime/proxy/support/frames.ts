import { FrameType, PREFACE } from '../../../../runtime/proxy/http2/protocol';
import type { MemoryConnection } from './memory-transport';

/** A frame of HTTP/2, sent or received. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export const uint32 = (value: number): Buffer => Buffer.from([value >>> 24, value >> 16, value >> 8, value]);
export const SETTINGS = frame(FrameType.Settings, 0, 0);
export const SETTINGS_ACK = frame(FrameType.Settings, 1, 0);
/** What a client says first, our settings taken. */
export const START = Buffer.concat([PREFACE, SETTINGS]);
/** GET (POST) / of host `a`. */
export const GET = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 97]);
export const POST = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 97]);
/** `:status: 200`. */
export const OK_BLOCK = Buffer.from([0x88]);
export const get = (id: number): Buffer => frame(FrameType.Headers, 5, id, GET);
export const setting = (name: number, value: number): Buffer =>
  frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, name]), uint32(value)]));

/** All frames that a peer of the proxy has received; the preface of one that asks is passed over. */
export function framesOf(connection: MemoryConnection): Frame[] {
  const all = Buffer.from(connection.received, 'latin1');
  const bytes = all.subarray(0, PREFACE.length).equals(PREFACE) ? all.subarray(PREFACE.length) : all;
  const found: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    found.push({ type: bytes[at + 3], flags: bytes[at + 4], id: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return found;
}

/** What was written outside of a read goes out with the next round of events. */
export const nextRound = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
