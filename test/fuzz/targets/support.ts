import { isDeepStrictEqual, inspect } from 'node:util';

/** What has to hold, does not. */
export class Broken extends Error {}

/** @throws Broken unless `actual` is `expected`. */
export function check(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Broken(`${what}: ${inspect(actual, { depth: 6, breakLength: 200 })} is not ${inspect(expected, { depth: 6, breakLength: 200 })}`);
}

/** The bytes in up to five pieces; where they are cut depends on the bytes alone, so that a finding can be repeated. */
export function cutsOf(input: Buffer): Buffer[] {
  let state = 0x811c9dc5;
  for (const byte of input) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  const at = new Set([0, input.length]);
  for (let i = 0; i < 4; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    at.add(Math.floor((state / 0x1_0000_0000) * (input.length + 1)));
  }
  const sorted = [...at].sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => input.subarray(sorted[i], end));
}
