/** Small numbers from a seed, so that a run can be repeated: mulberry32. */
export class Random {
  constructor(private state: number) {}

  next(): number {
    let t = (this.state = (this.state + 0x6d2b79f5) | 0);
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** 0 ≤ n < below. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}

const LONGEST = 8 * 1024;
const INTERESTING = [0, 1, 9, 10, 13, 31, 32, 47, 48, 57, 58, 59, 61, 63, 64, 127, 128, 192, 254, 255];

type Mutation = (input: Buffer, random: Random, dictionary: readonly Buffer[], other: Buffer) => Buffer;

function splice(input: Buffer, at: number, remove: number, insert: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, at), insert, input.subarray(at + remove)]);
}

const MUTATIONS: readonly Mutation[] = [
  // A bit, a byte, an interesting byte.
  (input, random) => {
    const made = Buffer.from(input);
    if (made.length > 0) made[random.below(made.length)] ^= 1 << random.below(8);
    return made;
  },
  (input, random) => {
    const made = Buffer.from(input);
    if (made.length > 0) made[random.below(made.length)] = random.below(256);
    return made;
  },
  (input, random) => {
    const made = Buffer.from(input);
    if (made.length > 0) made[random.below(made.length)] = random.pick(INTERESTING);
    return made;
  },
  // A little more or less.
  (input, random) => {
    const made = Buffer.from(input);
    if (made.length > 0) made[random.below(made.length)] += random.below(2) === 0 ? 1 : -1;
    return made;
  },
  // Bytes gone, bytes in.
  (input, random) => splice(input, random.below(input.length + 1), 1 + random.below(Math.min(32, input.length + 1)), Buffer.alloc(0)),
  (input, random) => splice(input, random.below(input.length + 1), 0, Buffer.from([random.pick(INTERESTING)])),
  (input, random) => input.subarray(0, random.below(input.length + 1)),
  // A word of the language: put in, or over what is there.
  (input, random, dictionary) => (dictionary.length === 0 ? input : splice(input, random.below(input.length + 1), 0, random.pick(dictionary))),
  (input, random, dictionary) => {
    if (dictionary.length === 0) return input;
    const word = random.pick(dictionary);
    return splice(input, random.below(input.length + 1), word.length, word);
  },
  // A part again, many times, or elsewhere.
  (input, random) => {
    const from = random.below(input.length + 1);
    const part = input.subarray(from, from + 1 + random.below(64));
    return splice(input, random.below(input.length + 1), 0, part);
  },
  (input, random) => {
    const from = random.below(input.length + 1);
    const part = input.subarray(from, from + 1 + random.below(16));
    return splice(input, from, 0, Buffer.concat(Array.from({ length: 1 << random.below(9) }, () => part)));
  },
  // Half of this and half of another.
  (input, random, _dictionary, other) =>
    Buffer.concat([input.subarray(0, random.below(input.length + 1)), other.subarray(random.below(other.length + 1))]),
  (input, random, _dictionary, other) => {
    const from = random.below(other.length + 1);
    return splice(input, random.below(input.length + 1), 0, other.subarray(from, from + 1 + random.below(64)));
  },
];

/** Another input, one to eight steps away. */
export function mutate(input: Buffer, random: Random, dictionary: readonly Buffer[], other: Buffer): Buffer {
  let made = input;
  for (let steps = 1 << Math.max(0, random.below(6) - 2); steps > 0; steps--) made = random.pick(MUTATIONS)(made, random, dictionary, other);
  return made.subarray(0, LONGEST);
}
