import { getHeapStatistics } from 'node:v8';
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
  /** Makes the state anew that an input which failed has left behind. */
  renew?(): Promise<void>;
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
const RECENT = 16;
const MINIMISING = 4000;

/** Bytes of the heap and of buffers outside of it. */
function memory(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

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

  /** The next input. Returns what is wrong with it, or undefined. */
  step(): Finding | undefined {
    const { corpus, random, target } = this;
    const input = this.pending.shift() ?? mutate(this.pick(), random, target.dictionary, random.pick(corpus));
    const error = this.run(input);
    if (error !== undefined) return { target: target.name, input: Buffer.from(input), error };
    if (this.coverage.isNew() || corpus.length === 0) corpus.push(Buffer.from(input));
    return undefined;
  }

  /** Half of the time one of the last that did something new: what they have found a way to has been looked at least. */
  private pick(): Buffer {
    const { corpus, random } = this;
    return random.below(2) === 0 ? random.pick(corpus) : corpus[corpus.length - 1 - random.below(Math.min(corpus.length, RECENT))];
  }

  /** Runs one input; what it threw. */
  run(input: Buffer): Error | undefined {
    const { coverage, target } = this;
    const { base, perByte } = target.steps ?? STEPS;
    this.runs++;
    const before = memory();
    coverage.start(base + perByte * input.length);
    try {
      target.run(input);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      coverage.stop();
    }
    const grown = memory() - before;
    return grown > MEMORY ? new Error(`memory grew by ${grown} bytes`) : undefined;
  }

  /** Takes away what the failure does not need, in ever smaller pieces, then makes plain what is left. */
  async minimise({ target, input, error }: Finding): Promise<Finding> {
    let smallest = input;
    let left = MINIMISING;
    let last = error;
    const fails = async (candidate: Buffer): Promise<boolean> => {
      if (left-- <= 0) return false;
      await this.target.renew?.();
      const thrown = this.run(candidate);
      if (thrown?.constructor !== error.constructor) return false;
      last = thrown;
      return true;
    };
    for (let size = smallest.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at + size <= smallest.length;) {
        const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
        if (await fails(candidate)) smallest = candidate;
        else at += size;
      }
    }
    for (let i = 0; i < smallest.length; i++) {
      if (smallest[i] === 97) continue;
      const candidate = Buffer.from(smallest);
      candidate[i] = 97;
      if (await fails(candidate)) smallest = candidate;
    }
    return { target, input: smallest, error: last };
  }
}
