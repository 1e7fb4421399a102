/**
 * xxHash64 (seed 0 unless given), the hash of Envoy's ring and hash policies, in 32-bit arithmetic. The WebAssembly build of it starts
 * asynchronously and answers in a bigint, which allocates; keys are short, so plain integers are as fast: about 100 ns for 16 bytes.
 */

/** Where `xxHash64` leaves its result, as two signed halves. Copy what you keep: the next call overwrites it. */
export const xxHashResult = { hi: 0, lo: 0 };

const { floor, imul } = Math;

const P1_HI = 0x9e3779b1 | 0;
const P1_LO = 0x85ebca87 | 0;
const P2_HI = 0xc2b2ae3d | 0;
const P2_LO = 0x27d4eb4f | 0;
const P3_HI = 0x165667b1 | 0;
const P3_LO = 0x9e3779f9 | 0;
const P4_HI = 0x85ebca77 | 0;
const P4_LO = 0xc2b2ae63 | 0;
const P5_HI = 0x27d4eb2f | 0;
const P5_LO = 0x165667c5 | 0;

/** The accumulator that the steps below work on; a function cannot return two numbers without making an object. */
let hi = 0;
let lo = 0;

function multiply(bHi: number, bLo: number): void {
  const a0 = lo & 0xffff;
  const a1 = lo >>> 16;
  const b0 = bLo & 0xffff;
  const b1 = bLo >>> 16;
  // No partial sum reaches 2^32, so that all of it stays in integer registers.
  const middle = (imul(a1, b0) + (imul(a0, b0) >>> 16)) | 0;
  const carry = ((imul(a0, b1) + (middle & 0xffff)) | 0) >>> 16;
  const high = (imul(a1, b1) + (middle >>> 16) + carry) | 0;
  hi = (high + imul(hi, bLo) + imul(lo, bHi)) | 0;
  lo = imul(lo, bLo);
}

function add(bHi: number, bLo: number): void {
  const sum = (lo + bLo) | 0;
  hi = (hi + bHi + (sum >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
  lo = sum;
}

/** @param bits 1 to 31. */
function rotateLeft(bits: number): void {
  const high = (hi << bits) | (lo >>> (32 - bits));
  lo = (lo << bits) | (hi >>> (32 - bits));
  hi = high;
}

/** @param bits 1 to 63. */
function xorShiftRight(bits: number): void {
  if (bits < 32) {
    lo ^= (lo >>> bits) | (hi << (32 - bits));
    hi ^= hi >>> bits;
  } else if (bits === 32) {
    lo ^= hi;
  } else {
    lo ^= hi >>> (bits - 32);
  }
}

/** One lane's step: acc = rotl(acc + input × P2, 31) × P1, with the accumulator given and left in hi, lo. */
function round(accHi: number, accLo: number, inHi: number, inLo: number): void {
  hi = inHi;
  lo = inLo;
  multiply(P2_HI, P2_LO);
  add(accHi, accLo);
  rotateLeft(31);
  multiply(P1_HI, P1_LO);
}

let bytes = new Uint8Array(256);

function word(at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Writes the text's bytes to `bytes` and says how many: latin1, as heads are decoded; a text with more than latin1 as UTF-8. */
function load(text: string): number {
  const length = text.length;
  if (length > bytes.length) bytes = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) {
      bytes = new Uint8Array(Buffer.from(text, 'utf8'));
      return bytes.length;
    }
    bytes[i] = code;
  }
  return length;
}

const lanes = new Int32Array(8);

/** Hashes a text; the result is in `xxHashResult`. */
export function xxHash64(text: string, seedHi = 0, seedLo = 0): void {
  hashBytes(load(text), seedHi, seedLo);
  xxHashResult.hi = hi;
  xxHashResult.lo = lo;
}

/** Hashes `<prefix>0`, `<prefix>1` … into `out`, upper and lower half in turn, as many as fit: what building a ring is made of. */
export function xxHash64Numbered(prefix: string, out: Int32Array): void {
  const from = load(prefix);
  if (bytes.length < from + MAX_DIGITS) {
    const grown = new Uint8Array(from + MAX_DIGITS);
    grown.set(bytes);
    bytes = grown;
  }
  for (let i = 0; 2 * i < out.length; i++) {
    let digits = 1;
    for (let rest = i; rest >= 10; rest = floor(rest / 10)) digits++;
    for (let at = from + digits - 1, rest = i; at >= from; at--, rest = floor(rest / 10)) bytes[at] = 0x30 + (rest % 10);
    hashBytes(from + digits, 0, 0);
    out[2 * i] = hi;
    out[2 * i + 1] = lo;
  }
}

const MAX_DIGITS = 10;

/** Hashes the first `length` of `bytes`; the result is in the accumulator. */
function hashBytes(length: number, seedHi: number, seedLo: number): void {
  let at = 0;
  if (length >= 32) {
    hi = seedHi;
    lo = seedLo;
    add(P1_HI, P1_LO);
    add(P2_HI, P2_LO);
    lanes[0] = hi;
    lanes[1] = lo;
    hi = seedHi;
    lo = seedLo;
    add(P2_HI, P2_LO);
    lanes[2] = hi;
    lanes[3] = lo;
    lanes[4] = seedHi;
    lanes[5] = seedLo;
    hi = ~P1_HI;
    lo = ~P1_LO;
    add(0, 1);
    add(seedHi, seedLo);
    lanes[6] = hi;
    lanes[7] = lo;
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        round(lanes[lane * 2]!, lanes[lane * 2 + 1]!, word(at + lane * 8 + 4), word(at + lane * 8));
        lanes[lane * 2] = hi;
        lanes[lane * 2 + 1] = lo;
      }
    }
    mergeLanes();
  } else {
    hi = seedHi;
    lo = seedLo;
    add(P5_HI, P5_LO);
  }
  add(0, length);
  finish(at, length);
}

const LANE_ROTATIONS = [1, 7, 12, 18];

function mergeLanes(): void {
  let sumHi = 0;
  let sumLo = 0;
  for (let lane = 0; lane < 4; lane++) {
    hi = lanes[lane * 2]!;
    lo = lanes[lane * 2 + 1]!;
    rotateLeft(LANE_ROTATIONS[lane]!);
    add(sumHi, sumLo);
    sumHi = hi;
    sumLo = lo;
  }
  for (let lane = 0; lane < 4; lane++) {
    round(0, 0, lanes[lane * 2]!, lanes[lane * 2 + 1]!);
    hi ^= sumHi;
    lo ^= sumLo;
    multiply(P1_HI, P1_LO);
    add(P4_HI, P4_LO);
    sumHi = hi;
    sumLo = lo;
  }
}

/** The bytes after the last full stripe of 32, then the avalanche. */
function finish(from: number, length: number): void {
  let at = from;
  for (; at + 8 <= length; at += 8) {
    const accHi = hi;
    const accLo = lo;
    round(0, 0, word(at + 4), word(at));
    hi ^= accHi;
    lo ^= accLo;
    rotateLeft(27);
    multiply(P1_HI, P1_LO);
    add(P4_HI, P4_LO);
  }
  if (at + 4 <= length) {
    const accHi = hi;
    const accLo = lo;
    hi = 0;
    lo = word(at);
    multiply(P1_HI, P1_LO);
    hi ^= accHi;
    lo ^= accLo;
    rotateLeft(23);
    multiply(P2_HI, P2_LO);
    add(P3_HI, P3_LO);
    at += 4;
  }
  for (; at < length; at++) {
    const accHi = hi;
    const accLo = lo;
    hi = 0;
    lo = bytes[at]!;
    multiply(P5_HI, P5_LO);
    hi ^= accHi;
    lo ^= accLo;
    rotateLeft(11);
    multiply(P1_HI, P1_LO);
  }
  xorShiftRight(33);
  multiply(P2_HI, P2_LO);
  xorShiftRight(29);
  multiply(P3_HI, P3_LO);
  xorShiftRight(32);
}
