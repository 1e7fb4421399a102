import * as fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { xxHash64, xxHash64Numbered, xxHashResult } from '../../../../runtime/proxy/cluster/xxhash64';

function hash(text: string, seed = 0n): bigint {
  xxHash64(text, Number((seed >> 32n) & 0xffffffffn) | 0, Number(seed & 0xffffffffn) | 0);
  return (BigInt(xxHashResult.hi >>> 0) << 32n) | BigInt(xxHashResult.lo >>> 0);
}

describe('xxHash64', () => {
  test('the published vectors', () => {
    expect(hash('').toString(16)).toBe('ef46db3751d8e999');
    expect(hash('a').toString(16)).toBe('d24ec4f1a98c6e5b');
    expect(hash('abc').toString(16)).toBe('44bc2cf5ad770999');
  });

  test('every text and seed as the reference implementation', async () => {
    const reference = await xxhash();
    const ascii = fc.string({ unit: 'binary-ascii', maxLength: 200 });
    fc.assert(fc.property(ascii, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (text, seed) => {
      expect(hash(text, seed)).toBe(reference.h64(text, seed));
    }), { numRuns: 500 });
  });

  test('numbered texts as each of them alone', () => {
    expect.hasAssertions();
    for (const prefix of ['', '10.0.0.1:8080_', `${'a-long-name.'.repeat(21)}_`]) {
      const out = new Int32Array(2 * 1200);
      xxHash64Numbered(prefix, out);
      expect([out[2], out[3]]).not.toEqual([0, 0]);
      for (let i = 0; i < 1200; i++) {
        xxHash64(`${prefix}${i}`);
        if (out[2 * i] !== xxHashResult.hi || out[2 * i + 1] !== xxHashResult.lo) throw new Error(`${prefix}${i} has another hash`);
      }
    }
  });

  test('latin1 is hashed as bytes, more than latin1 as UTF-8, a long text whole', async () => {
    const reference = await xxhash();
    const bytes = (text: Buffer) => reference.h64Raw(text);
    expect(hash('caf\u00e9')).toBe(bytes(Buffer.from('caf\u00e9', 'latin1')));
    expect(hash('\u20ac 5')).toBe(bytes(Buffer.from('\u20ac 5', 'utf8')));
    const long = 'x0y1'.repeat(5000);
    expect(hash(long)).toBe(bytes(Buffer.from(long)));
    expect(hash('abc').toString(16)).toBe('44bc2cf5ad770999');
  });
});
