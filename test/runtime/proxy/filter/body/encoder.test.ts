import { createHook } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import type { CompressorLibrary } from '../../../../../runtime/proxy/config/types';
import { Encoder } from '../../../../../runtime/proxy/filter/body/encoder';
import { BROTLI, GZIP } from './support';

/** Encodes `body`, and says how often a thread came back with a part of it. */
async function encode(library: CompressorLibrary, body: Buffer): Promise<{ encoded: Buffer; fromThreads: number; withinCall: number }> {
  const threads = new Set<number>();
  let fromThreads = 0, withinCall = 0, calling = true;
  const hook = createHook({
    init: (id, type) => { if (type === 'ZLIB') threads.add(id); },
    before: (id) => { if (threads.has(id)) fromThreads++; },
  }).enable();
  const parts: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const encoder = Encoder.create(library, {
      onEncoded: (bytes) => {
        parts.push(bytes);
        if (calling) withinCall++;
      },
      onEncoderEnd: () => {
        encoder.destroy();
        resolve();
      },
      onEncoderReady: () => undefined,
      onEncoderError: reject,
    })!;
    encoder.write(body);
    encoder.end();
    calling = false;
  });
  hook.disable();
  return { encoded: Buffer.concat(parts), fromThreads, withinCall };
}

test.each<[string, CompressorLibrary, (bytes: Buffer) => Buffer]>([
  ['gzip', GZIP, zlib.gunzipSync], ['br', BROTLI, zlib.brotliDecompressSync],
])('%s is encoded by threads of the runtime: the event loop only hands over and takes', async (_coding, library, decode) => {
  const body = randomBytes(1024 * 1024);
  const { encoded, fromThreads, withinCall } = await encode(library, body);
  expect(decode(encoded).equals(body)).toBe(true);
  expect(withinCall).toBe(0);
  // Each time with one output buffer at most.
  expect(fromThreads).toBeGreaterThanOrEqual(Math.floor(encoded.length / library.chunkSize));
});
