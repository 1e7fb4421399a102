import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import type { CompressorConfig } from '../../../../../runtime/proxy/config/body-types';
import { bodyFilter } from '../../../../../runtime/proxy/config/decode/body';
import { Problems } from '../../../../../runtime/proxy/config/problems';
import { CompressorFilter } from '../../../../../runtime/proxy/filter/body';
import { Encoder } from '../../../../../runtime/proxy/filter/body/encoder';
import { collectBodyFilters } from '../../../../../runtime/proxy/observe/body-metrics';
import { Families } from '../../../../../runtime/proxy/observe/families';
import { CompressorSchema, ZstdSchema, create, packAny } from '../../../../../runtime/xds';
import { managerOf } from '../../support/harness';
import { BROTLI, GZIP, VERSIONS, World, compressor, decoded, digest, digestOf, type Exchange } from './support';

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
  expect(Encoder.memoryInUse).toBe(0);
});

const TEXT = Buffer.from('the same words again and again, '.repeat(400));

function statsOf(of: World, name = 'gzip') {
  const { filters } = managerOf(of.proxy.listeners.get('ingress')!).tables;
  return (filters.find((filter) => filter.name === name) as CompressorFilter).stats;
}

function answers(headers: Record<string, string>, ...pieces: readonly Buffer[]) {
  return (exchange: Exchange) => {
    exchange.respond(200, headers);
    for (const piece of pieces) exchange.write(piece);
    exchange.end();
  };
}

describe.each(VERSIONS)('a client of HTTP/%i, an upstream of HTTP/%i', (client, upstream) => {
  test.each([['gzip', GZIP], ['br', BROTLI]])('%s of a body of known length and of unknown', async (coding, library) => {
    for (const length of [{ 'content-length': String(TEXT.length) }, {}] as Record<string, string>[]) {
      world = await World.start(client, upstream, [compressor(library)], answers({ 'content-type': 'text/plain; charset=utf-8', 'etag': '"a"', ...length }, TEXT));
      const answer = await world.ask({ 'accept-encoding': coding });
      expect(answer.headers).toMatchObject({ 'content-encoding': coding, 'vary': 'accept-encoding', 'etag': 'W/"a"' });
      expect(answer.headers['content-length']).toBeUndefined();
      expect(answer.body.length).toBeLessThan(TEXT.length / 4);
      expect(decoded(coding, answer.body).equals(TEXT)).toBe(true);
      await world.ended(1);
      expect(world.records).toEqual([{ status: 200, flag: undefined, detail: 'via_upstream' }]);
      expect(statsOf(world, coding)).toEqual({
        compressed: 1, notCompressed: 0, totalUncompressedBytes: TEXT.length, totalCompressedBytes: answer.body.length,
      });
      await world.close();
    }
  });

  test('whatever the body and however it is cut, decoding gives it back', async () => {
    let pieces: readonly Buffer[] = [];
    let library = GZIP.coding;
    world = await World.start(client, upstream, [compressor(GZIP), compressor(BROTLI)], (exchange) => {
      exchange.respond(200, { 'content-type': 'text/plain' });
      const write = (at: number): void => {
        if (at === pieces.length) {
          exchange.end();
          return;
        }
        exchange.write(pieces[at]);
        setImmediate(() => write(at + 1));
      };
      write(0);
    });
    const piece = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100_000 }).map((n) => new Uint8Array(n).fill(n)));
    await fc.assert(fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.constantFrom('gzip', 'br'), async (bodies, coding) => {
      pieces = bodies.map((bytes) => Buffer.from(bytes));
      library = coding as 'gzip';
      const answer = await world!.ask({ 'accept-encoding': library });
      expect(answer.headers['content-encoding']).toBe(coding);
      expect(decoded(coding, answer.body).equals(Buffer.concat(pieces))).toBe(true);
    }), { numRuns: 25 });
  });

  test('what streams is not held back', async () => {
    let upstreamSide: Exchange | undefined;
    world = await World.start(client, upstream, [compressor()], (exchange) => {
      upstreamSide = exchange;
      exchange.respond(200, { 'content-type': 'text/plain' });
      exchange.write('first line\n');
    });
    const { request, answer } = await world.open({ 'accept-encoding': 'gzip' });
    request.end();
    const { stream } = await answer;
    const gunzip = zlib.createGunzip();
    stream.pipe(gunzip);
    const read = async () => new Promise<string>((resolve) => gunzip.once('data', (bytes: Buffer) => resolve(bytes.toString())));
    expect(await read()).toBe('first line\n');
    upstreamSide!.write('second\n');
    expect(await read()).toBe('second\n');
    const ended = new Promise((resolve) => gunzip.once('end', resolve));
    gunzip.resume();
    upstreamSide!.end();
    await ended;
    await world.ended(1);
  });

  test('a slow reader holds its upstream up, and gets all', async () => {
    const block = randomBytes(64 * 1024);
    const blocks = 128;
    let written = 0;
    let stalled: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (stalled = resolve));
    world = await World.start(client, upstream, [compressor({ ...GZIP, level: 1 })], async (exchange) => {
      exchange.respond(200, { 'content-type': 'text/plain' });
      while (written < blocks) {
        written++;
        if (exchange.write(block)) continue;
        stalled();
        await exchange.drained();
      }
      exchange.end();
    });
    const { request, answer } = await world.open({ 'accept-encoding': 'gzip' });
    request.end();
    const streamed = await answer;
    await held;
    expect(written).toBeLessThan(blocks);
    const { body } = await streamed.whole();
    expect(zlib.gunzipSync(body).length).toBe(blocks * block.length);
  });

  test('broken off by either side, nothing stays', async () => {
    let upstreamSide: Exchange | undefined;
    world = await World.start(client, upstream, [compressor()], (exchange) => {
      upstreamSide = exchange;
      exchange.respond(200, { 'content-type': 'text/plain' });
      exchange.write(TEXT);
    });
    const first = await world.open({ 'accept-encoding': 'gzip' });
    first.request.end();
    const broken = (await first.answer).whole();
    upstreamSide!.destroy();
    await expect(broken).rejects.toThrow('cut off');
    await world.ended(1);
    expect(world.records[0].flag).toMatch(/^(UC|UPE)$/);
    const second = await world.open({ 'accept-encoding': 'gzip' });
    second.request.on('error', () => undefined);
    second.request.end();
    const { stream } = await second.answer;
    stream.on('error', () => undefined);
    stream.destroy();
    await world.ended(2);
    expect(world.records[1].flag).toBe('DC');
  });
});

describe('what is not compressed', () => {
  const length = String(TEXT.length);

  test.each<[string, Record<string, string>, Record<string, string>, number?]>([
    ['a client that does not ask for it', {}, { 'content-type': 'text/plain' }],
    ['one that will not have it', { 'accept-encoding': 'gzip;q=0, *' }, { 'content-type': 'text/plain' }],
    ['another content', { 'accept-encoding': 'gzip' }, { 'content-type': 'image/png' }],
    ['content without a type', { 'accept-encoding': 'gzip' }, {}],
    ['encoded content', { 'accept-encoding': 'gzip' }, { 'content-type': 'text/plain', 'content-encoding': 'deflate' }],
    ['no-transform', { 'accept-encoding': 'gzip' }, { 'content-type': 'text/plain', 'cache-control': 'max-age=3, no-transform' }],
    ['a range', { 'accept-encoding': 'gzip' }, { 'content-type': 'text/plain', 'content-range': `bytes 0-${TEXT.length - 1}/100000` }, 206],
  ])('%s', async (_name, asked, headers, status = 200) => {
    world = await World.start(1, 1, [compressor()], (exchange) => {
      exchange.respond(status, { ...headers, 'content-length': length, 'etag': '"a"' });
      exchange.end(TEXT);
    });
    const answer = await world.ask(asked);
    expect(answer.headers).toMatchObject({ ...headers, 'content-length': length, 'etag': '"a"' });
    expect(answer.body.equals(TEXT)).toBe(true);
    const mayVary = headers['content-type'] === 'text/plain' && Object.keys(headers).length === 1;
    expect(answer.headers.vary).toBe(mayVary ? 'accept-encoding' : undefined);
    expect(statsOf(world)).toMatchObject({ compressed: 0, notCompressed: 1 });
  });

  test('is counted under Envoy\'s names', async () => {
    world = await World.start(1, 1, [compressor()], answers({ 'content-type': 'text/plain' }, TEXT));
    await world.ask({ 'accept-encoding': 'gzip' });
    await world.ask();
    const families = new Families();
    const { filters } = managerOf(world.proxy.listeners.get('ingress')!).tables;
    collectBodyFilters(filters, { envoy_http_conn_manager_prefix: 'ingress' }, families);
    const counted = families.stats();
    expect(counted).toContain('http.ingress.compressor.gzip.gzip.compressed: 1\n');
    expect(counted).toContain('http.ingress.compressor.gzip.gzip.not_compressed: 1\n');
    expect(counted).toContain(`http.ingress.compressor.gzip.gzip.total_uncompressed_bytes: ${TEXT.length}\n`);
  });

  test('short bodies, HEAD, 204 and 304', async () => {
    let status = 200;
    world = await World.start(1, 1, [compressor()], (exchange) => {
      exchange.respond(status, status === 200 ? { 'content-type': 'text/plain', 'content-length': '29' } : {});
      exchange.end(status === 200 ? 'x'.repeat(29) : undefined);
    });
    expect((await world.ask({ 'accept-encoding': 'gzip' })).headers['content-length']).toBe('29');
    expect((await world.ask({ 'accept-encoding': 'gzip' }, 'HEAD')).headers['content-length']).toBe('29');
    for (status of [204, 304]) expect((await world.ask({ 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined();
  });
});

test('remove_accept_encoding_header leaves compressing to the proxy; a digest of the upstream does not outlive it', async () => {
  let seen: string | undefined = 'nothing';
  world = await World.start(1, 2, [compressor(GZIP, { removeAcceptEncoding: true })], (exchange) => {
    seen = exchange.headers['accept-encoding'];
    exchange.respond(200, { 'content-type': 'text/plain', 'content-digest': 'sha-256=:AAAA:', 'accept-ranges': 'bytes' });
    exchange.end(TEXT);
  });
  const { headers } = await world.ask({ 'accept-encoding': 'gzip' });
  expect([seen, headers['content-digest'], headers['accept-ranges']]).toEqual([undefined, undefined, undefined]);
});

describe('what a route says instead', () => {
  test('a compressor is off where its route says so, and stays on elsewhere', async () => {
    world = await World.start(1, 1, [compressor(GZIP), compressor(BROTLI)], answers({ 'content-type': 'text/plain' }, TEXT), [
      { kind: 'compressor', name: 'br', config: undefined },
    ]);
    expect((await world.ask({ 'accept-encoding': 'br' })).headers['content-encoding']).toBeUndefined();
    expect((await world.ask({ 'accept-encoding': 'br, gzip;q=0.5' })).headers['content-encoding']).toBe('gzip');
  });

  test('digests are made where only the route asks for them', async () => {
    const own = digest({ response: { makeContentDigest: true } });
    world = await World.start(1, 1, [digest({})], (exchange) => exchange.respondWhole(200, {}, TEXT), [own]);
    expect((await world.ask()).headers['content-digest']).toBe(digestOf(TEXT));
  });
});

test('encoders have a budget: whoever comes when it is used up gets the body as it is', async () => {
  // 51 MB each, of 64.
  const wide = { ...BROTLI, windowBits: 24, blockBits: 24, quality: 5 } as typeof BROTLI;
  const open: Exchange[] = [];
  world = await World.start(2, 1, [compressor(wide)], (exchange) => {
    open.push(exchange);
    exchange.respond(200, { 'content-type': 'text/plain' });
    exchange.write(TEXT);
  });
  const asked = [await world.open({ 'accept-encoding': 'br' }), await world.open({ 'accept-encoding': 'br' })];
  asked[0].request.end();
  const first = await asked[0].answer;
  asked[1].request.end();
  const second = await asked[1].answer;
  expect([first, second].map(({ headers }) => headers['content-encoding'])).toEqual(['br', undefined]);
  for (const exchange of open) exchange.end();
  expect(decoded('br', (await first.whole()).body).equals(TEXT)).toBe(true);
  expect((await second.whole()).body.equals(TEXT)).toBe(true);
  // It is free again.
  const third = world.ask({ 'accept-encoding': 'br' });
  await until(() => open.length === 3);
  open[2].end();
  expect((await third).headers['content-encoding']).toBe('br');
});

/** Lets events happen until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

test('answers of gRPC have their own compression', async () => {
  world = await World.start(2, 2, [compressor(GZIP, { contentTypes: ['application/grpc'] })], answers({ 'content-type': 'application/grpc' }, TEXT));
  const answer = await world.ask({ 'accept-encoding': 'gzip', 'content-type': 'application/grpc' });
  expect([answer.headers['content-encoding'], answer.body.equals(TEXT)]).toEqual([undefined, true]);
});

const ZSTD: CompressorConfig['library'] = { coding: 'zstd', level: 3, checksum: true, strategy: 0, chunkSize: 4096 };
const hasZstd = 'createZstdCompress' in zlib;

(hasZstd ? test : test.skip)('zstd, where the runtime has it', async () => {
  world = await World.start(1, 1, [compressor(ZSTD)], answers({ 'content-type': 'text/plain' }, TEXT));
  const answer = await world.ask({ 'accept-encoding': 'zstd' });
  expect(answer.headers['content-encoding']).toBe('zstd');
  expect(decoded('zstd', answer.body).equals(TEXT)).toBe(true);
});

(hasZstd ? test.skip : test)('zstd, where the runtime does not have it, is refused with the version that does', () => {
  const problems = new Problems();
  bodyFilter(packAny(CompressorSchema, create(CompressorSchema, { compressorLibrary: { name: 'z', typedConfig: packAny(ZstdSchema, create(ZstdSchema)) } })), 'z', 'filter', problems);
  expect(problems.list()).toEqual([expect.stringMatching(/^filter\.compressor_library\.typed_config: Node\.js \S+ has no zstd: it takes 22\.15 or 23\.8; use gzip or brotli$/)]);
});
