/**
 * RFC 7541 Appendix B. The code is canonical (codes of one length ascend with their symbols), so the lengths say all; symbol 256 is EOS.
 * Runs of `length` for `count` symbols, from symbol 0 on.
 */
const LENGTHS: readonly (readonly [length: number, count: number])[] = [
  [13, 1], [23, 1], [28, 7], [24, 1], [30, 1], [28, 2], [30, 1], [28, 8], [30, 1], [28, 9], [6, 1], [10, 2], [12, 1], [13, 1], [6, 1],
  [8, 1], [11, 1], [10, 2], [8, 1], [11, 1], [8, 1], [6, 3], [5, 3], [6, 7], [7, 1], [8, 1], [15, 1], [6, 1], [12, 1], [10, 1], [13, 1],
  [6, 1], [7, 22], [8, 1], [7, 1], [8, 1], [13, 1], [19, 1], [13, 1], [14, 1], [6, 1], [15, 1], [5, 1], [6, 1], [5, 1], [6, 1], [5, 1],
  [6, 3], [5, 1], [7, 2], [6, 3], [5, 1], [6, 1], [7, 1], [6, 1], [5, 2], [6, 1], [7, 5], [15, 1], [11, 1], [14, 1], [13, 1], [28, 1],
  [20, 1], [22, 1], [20, 2], [22, 3], [23, 1], [22, 1], [23, 5], [24, 1], [23, 1], [24, 2], [22, 1], [23, 1], [24, 1], [23, 4], [21, 1],
  [22, 1], [23, 1], [22, 1], [23, 2], [24, 1], [22, 1], [21, 1], [20, 1], [22, 2], [23, 2], [21, 1], [23, 1], [22, 2], [24, 1], [21, 1],
  [22, 1], [23, 2], [21, 2], [22, 1], [21, 1], [23, 1], [22, 1], [23, 2], [20, 1], [22, 3], [23, 1], [22, 2], [23, 1], [26, 2], [20, 1],
  [19, 1], [22, 1], [23, 1], [22, 1], [25, 1], [26, 3], [27, 2], [26, 1], [24, 1], [25, 1], [19, 1], [21, 1], [26, 1], [27, 2], [26, 1],
  [27, 1], [24, 1], [21, 2], [26, 2], [28, 1], [27, 3], [20, 1], [24, 1], [20, 1], [21, 1], [22, 1], [21, 2], [23, 1], [22, 2], [25, 2],
  [24, 2], [26, 1], [23, 1], [26, 1], [27, 1], [26, 2], [27, 5], [28, 1], [27, 5], [26, 1], [30, 1],
];

const EOS = 256;
const EMITS = 1 << 16;
const FAILS = 1 << 17;

/**
 * A state machine over half bytes. A state is an inner node of the code's tree, 256 of them; row `state * 16 + nibble` is
 *
 *     bit 17: EOS was met │ bit 16: a symbol ends here │ bits 8–15: the symbol │ bits 0–7: the next state
 *
 * Codes are at least 5 bits long, so no half byte ends two symbols.
 */
const steps = new Uint32Array(256 * 16);
/** States in which a string may end: fewer than 8 bits of the code, all ones (RFC 7541 §5.2). */
const mayEnd = new Uint8Array(256);

function build(): void {
  const lengths: number[] = [];
  for (const [length, count] of LENGTHS) for (let i = 0; i < count; i++) lengths.push(length);
  const symbols = lengths.map((_, symbol) => symbol).sort((a, b) => lengths[a] - lengths[b] || a - b);
  // Children of inner nodes: a node's number, or -1 - symbol for a leaf.
  const children: [number | undefined, number | undefined][] = [[undefined, undefined]];
  let code = 0, before = lengths[symbols[0]];
  for (const symbol of symbols) {
    const length = lengths[symbol];
    code *= 2 ** (length - before);
    before = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2;
      let child = children[node][side];
      if (child === undefined) {
        child = children.push([undefined, undefined]) - 1;
        children[node][side] = child;
      }
      node = child;
    }
    children[node][code % 2] = -1 - symbol;
    code++;
  }
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[state * 16 + nibble] = stepFrom(children, state, nibble);
  }
  for (let node = 0, depth = 0; depth < 8; depth++) {
    mayEnd[node] = 1;
    node = children[node][1]!;
  }
}

function stepFrom(children: readonly (readonly [number | undefined, number | undefined])[], state: number, nibble: number): number {
  let node = state;
  let row = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node][(nibble >> bit) & 1]!;
    if (child >= 0) {
      node = child;
      continue;
    }
    const symbol = -1 - child;
    if (symbol === EOS) return FAILS;
    row = EMITS | (symbol << 8);
    node = 0;
  }
  return row | node;
}

/** Bytes that a coded string of `length` bytes decodes to at most. */
export function decodedAtMost(length: number): number {
  return Math.ceil(length * 8 / 5);
}

/** Decodes [start, end) to `at` of `to`, which has room; returns the end, or -1 for what is no valid code. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  // With the first string: a proxy that speaks no HTTP/2 does not pay for the machine, which takes half a megabyte to build.
  if (mayEnd[0] === 0) build();
  let state = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    let row = steps[(state << 4) | (byte >> 4)];
    if (row >= EMITS) {
      if (row >= FAILS) return -1;
      to[at++] = row >> 8;
    }
    row = steps[((row & 255) << 4) | (byte & 15)];
    if (row >= EMITS) {
      if (row >= FAILS) return -1;
      to[at++] = row >> 8;
    }
    state = row & 255;
  }
  return mayEnd[state] === 1 ? at : -1;
}
