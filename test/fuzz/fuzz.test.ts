import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Coverage } from './coverage';
import { Fuzzer, type Target } from './engine';
import { targets } from './targets';

const FOUND = join(__dirname, '../testdata/fuzz');
/** As instrumented code calls it. */
const edge = (n: number): void => (globalThis as unknown as { __edge: (n: number) => void }).__edge(n);

describe('what the fuzzer has found once', () => {
  for (const name of existsSync(FOUND) ? readdirSync(FOUND) : []) {
    test(name, async () => {
      const target = (await targets()).find((each) => each.name === name)!;
      const files = readdirSync(join(FOUND, name));
      expect(files).not.toEqual([]);
      for (const file of files) {
        await target.renew?.();
        target.run(readFileSync(join(FOUND, name, file)));
      }
    });
  }
});

test('every seed of every target runs', async () => {
  for (const target of await targets()) {
    expect(target.seeds.length).toBeGreaterThan(1);
    for (const seed of target.seeds) target.run(seed);
  }
});

describe('the fuzzer', () => {
  /** Fails where the input begins with `magic`, and says by its edges how much of it was right. */
  const guessing = (magic: string): Target => ({
    name: 'guess',
    seeds: [Buffer.from('hello')],
    dictionary: [],
    run: (input) => {
      for (let i = 0; i < magic.length; i++) {
        if (input[i] !== magic.charCodeAt(i)) return;
        edge(i + 1);
      }
      throw new RangeError('found');
    },
  });

  const search = (target: Target, seed: number, most: number): Fuzzer & { found?: Buffer } => {
    const coverage = new Coverage();
    coverage.install();
    const fuzzer: Fuzzer & { found?: Buffer } = new Fuzzer(target, seed, coverage);
    for (let i = 0; i < most && fuzzer.found === undefined; i++) fuzzer.found = fuzzer.step()?.input;
    return fuzzer;
  };

  test('finds by coverage what chance would not, makes it small, and the same again from the same seed', async () => {
    // One of 2^32 inputs of that length.
    const target = guessing('\n:\0\x7f');
    const first = search(target, 1, 100_000);
    expect(first.found).toBeDefined();
    const { runs } = first;
    const small = await first.minimise({ target: target.name, input: Buffer.concat([first.found!, Buffer.from('tail')]), error: new RangeError() });
    expect(small.input.toString('latin1')).toBe('\n:\0\x7f');
    const again = search(target, 1, 100_000);
    expect(again.found).toEqual(first.found);
    expect(again.runs).toBe(runs);
    expect(again.corpus).toEqual(first.corpus);
    expect(search(target, 2, 2000).corpus).not.toEqual(first.corpus);
  });

  test('a hang is found by its steps, without a clock', () => {
    const target: Target = {
      ...guessing(''),
      steps: { base: 1000, perByte: 10 },
      run: (input) => { while (input.length > 3) edge(1); },
    };
    const coverage = new Coverage();
    coverage.install();
    expect(new Fuzzer(target, 1, coverage).run(Buffer.from('hello'))?.message).toBe('more than 1050 steps');
    expect(new Fuzzer(target, 1, coverage).run(Buffer.from('hel'))).toBeUndefined();
  });

  test('memory that one input takes is bounded', () => {
    const kept: Buffer[] = [];
    const target: Target = { ...guessing(''), run: (input) => { if (input.length > 0) kept.push(Buffer.alloc(100 * 1024 * 1024)); } };
    const coverage = new Coverage();
    expect(new Fuzzer(target, 1, coverage).run(Buffer.from('x'))?.message).toMatch(/^memory grew by \d+ bytes$/);
    expect(new Fuzzer(target, 1, coverage).run(Buffer.alloc(0))).toBeUndefined();
  });
});
