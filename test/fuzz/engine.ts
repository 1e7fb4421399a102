import { Coverage } from './coverage';
import { Random, mutate } from './mutate';

/** What is fuzzed. */
export interface Target {
  readonly name: string;
  /** Throws where something that always holds does not hold. What the input deserves to be refused for is no exception. */
  run(input: Buffer): void;
  readonly seeds: readonly Buffer[];
  /** Words that the language of the input has. */
  readonly dictionary: readonly Buffer[];
  /** Steps that an input may take, and for each of its bytes; more is a hang. */
  readonly steps?: { readonly base: number; readonly perByte: number };
}

export interface Finding {
  readonly target: string;
  readonly input: Buffer;
  readonly error: Error;
}

const STEPS = { base: 200_000, perByte: 2_000 };
/** Bytes that the heap and its buffers may grow by within one input. */
const MEMORY = 64 * 1024 * 1024;
/** Runs that making a failing input smaller may take. */
const MINIMISING = 4000;

/** One target with its corpus: inputs that did something new. The same seed gives the same inputs, whatever the time they take. */
export class Fuzzer {
  readonly corpus: Buffer[] = [];
  runs = 0;
  private readonly random: Random;

  constructor(readonly target: Target, seed: number, readonly coverage: Coverage, inputs: readonly Buffer[] = []) {
    this.random = new Random(seed);
    this.pending = [Buffer.alloc(0), ...target.seeds, ...inputs];
  }

  private readonly pending: Buffer[];

  /** The next input. Returns what is wrong with it, made as small as can be, or undefined. */
  step(): Finding | undefined {
    const { corpus, random, target } = this;
    const input = this.pending.shift() ?? mutate(random.pick(corpus), random, target.dictionary, random.pick(corpus));
    const error = this.run(input);
    if (error !== undefined) {
      const small = this.minimise(input, error);
      return { target: target.name, input: small, error: this.run(small) ?? error };
    }
    if (this.coverage.isNew() || corpus.length === 0) corpus.push(Buffer.from(input));
    return undefined;
  }

  /** Runs one input; what it threw. */
  run(input: Buffer): Error | undefined {
    const { coverage, target } = this;
    const { base, perByte } = target.steps ?? STEPS;
    this.runs++;
    const before = process.memoryUsage();
    coverage.start(base + perByte * input.length);
    try {
      target.run(input);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      coverage.stop();
    }
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    return grown > MEMORY ? new Error(`memory grew by ${grown} bytes`) : undefined;
  }

  /** Takes away what the failure does not need, in ever smaller pieces, then makes plain what is left. */
  private minimise(input: Buffer, error: Error): Buffer {
    let smallest = input;
    let left = MINIMISING;
    const fails = (candidate: Buffer): boolean => {
      if (left-- <= 0) return false;
      return this.run(candidate)?.constructor === error.constructor;
    };
    for (let size = smallest.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at + size <= smallest.length;) {
        const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
        if (fails(candidate)) smallest = candidate;
        else at += size;
      }
    }
    for (let i = 0; i < smallest.length; i++) {
      if (smallest[i] === 97) continue;
      const candidate = Buffer.from(smallest);
      candidate[i] = 97;
      if (fails(candidate)) smallest = candidate;
    }
    return smallest;
  }
}
