import { createHash } from 'node:crypto';
import { constants } from 'node:http2';
import { Random } from '../fuzz/mutate';

export const FRAMINGS = ['length', 'chunked', 'close'] as const;
/** Who breaks off, and when; most requests nobody does. */
export const ABORTS = ['none', 'client-in-request', 'client-in-answer', 'upstream-before-answer', 'upstream-in-answer'] as const;

/** What a stream of HTTP/2 is broken off by. */
export const RESETS = [constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR, constants.NGHTTP2_PROTOCOL_ERROR] as const;

/** One request, made of its number alone: client and upstream both know what each of them has to send and to get. */
export interface Plan {
  readonly id: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly requestBytes: number;
  readonly requestFraming: 'length' | 'chunked';
  readonly answerBytes: number;
  readonly answerFraming: (typeof FRAMINGS)[number];
  readonly trailers: boolean;
  readonly abort: (typeof ABORTS)[number];
  /** Where who breaks off does, 0 to 1. */
  readonly abortAt: number;
  /** The client reads its answer with pauses. */
  readonly slow: boolean;
  readonly status: number;
  /** For what is decided while it runs: cuts above all. */
  readonly random: Random;
}

const SIZES = [0, 1, 7, 100, 1000, 5000, 16_384, 65_536, 200_000];

export function planOf(id: string): Plan {
  const random = new Random(createHash('sha256').update(id).digest().readInt32LE(0));
  const method = random.pick(['GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT'] as const);
  const size = (): number => (random.below(200) === 0 ? 1_500_000 : random.below(1 + random.pick(SIZES)));
  const abort = random.below(8) === 0 ? random.pick(ABORTS) : 'none';
  return {
    id,
    method,
    requestBytes: method === 'GET' || method === 'HEAD' ? 0 : size(),
    requestFraming: random.pick(['length', 'chunked'] as const),
    answerBytes: size(),
    // What ends with its connection has no other end: whoever breaks it off early has only sent less.
    answerFraming: random.pick(abort === 'upstream-in-answer' ? ['length', 'chunked'] as const : ['length', 'length', 'chunked', 'chunked', 'close'] as const),
    trailers: random.below(4) === 0,
    abort,
    abortAt: random.next(),
    slow: random.below(16) === 0,
    status: random.pick([200, 200, 200, 201, 404, 500]),
    random,
  };
}

const NOISE = Buffer.alloc(4_000_037);
{
  const random = new Random(11);
  for (let i = 0; i < NOISE.length; i++) NOISE[i] = random.below(256);
}

/** The bytes that belong to a request or to its answer: another stretch of noise for each. */
export function bodyOf(id: string, side: 'request' | 'answer', length: number): Buffer {
  const at = createHash('sha256').update(`${side} ${id}`).digest().readUInt32LE(0) % (NOISE.length - length);
  return NOISE.subarray(at, at + length);
}

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** `bytes` in pieces of any size. */
export function cut(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const most = 1 + random.pick([10, 1000, 20_000, 100_000]);
  for (let at = 0; at < bytes.length && pieces.length < 60;) {
    const size = pieces.length === 59 ? bytes.length : 1 + random.below(most);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

export const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What did not hold. */
export class Failures {
  readonly list: string[] = [];
  add(what: string): void {
    if (this.list.length < 20) this.list.push(what);
  }
}

/** Resolves when more can be written, or nothing ever. */
export async function drained(stream: Pick<NodeJS.EventEmitter, 'on' | 'off'>): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
