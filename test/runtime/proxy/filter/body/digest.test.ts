import * as http from 'node:http';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { sha256Of } from '../../../../../runtime/proxy/filter/body/digest-field';
import { GZIP, VERSIONS, World, compressor, digest, digestOf, type Exchange } from './support';

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const BODY = Buffer.from('{"total":12}');
const OTHER = digestOf('{"total":13}');

/** Sends `body` in pieces, each after the one before has gone out. */
function streams(body: Buffer, headers: Record<string, string>, trailers?: Record<string, string>) {
  return (exchange: Exchange) => {
    exchange.respond(200, headers, trailers !== undefined);
    const half = body.length >> 1;
    exchange.write(body.subarray(0, half));
    setImmediate(() => exchange.end(body.subarray(half), trailers));
  };
}

describe.each(VERSIONS)('a client of HTTP/%i, an upstream of HTTP/%i', (client, upstream) => {
  const verifying = digest({ request: { verify: true }, response: { verify: true } });

  test.each<[string, Record<string, string>, Record<string, string> | undefined]>([
    ['Content-Digest in the head, known length', { 'content-length': '12', 'content-digest': digestOf(BODY) }, undefined],
    ['Repr-Digest beside another algorithm', { 'repr-digest': `sha-512=:AAAA:, ${digestOf(BODY)}` }, undefined],
    ['a trailer', { trailer: 'content-digest' }, { 'content-digest': digestOf(BODY) }],
    ['none', {}, undefined],
  ])('an answer that is what it says passes: %s', async (_name, headers, trailers) => {
    world = await World.start(client, upstream, [verifying], streams(BODY, headers, trailers));
    const answer = await world.ask();
    expect(answer.body.equals(BODY)).toBe(true);
    expect({ ...answer.headers, ...answer.trailers }).toMatchObject(headers);
    if (trailers !== undefined) expect(answer.trailers).toMatchObject(trailers);
    expect(world.records).toMatchObject([{ status: 200, flag: undefined }]);
  });

  test.each<[string, Record<string, string>, Record<string, string> | undefined]>([
    ['Content-Digest in the head, known length', { 'content-length': '12', 'content-digest': OTHER }, undefined],
    ['in chunks', { 'content-digest': OTHER }, undefined],
    ['Repr-Digest', { 'repr-digest': OTHER }, undefined],
    ['a trailer', { trailer: 'content-digest' }, { 'content-digest': OTHER }],
    ['no digest at all', { 'content-digest': 'sha-256=:AAAA:' }, undefined],
  ])('an answer that is another one never looks complete: %s', async (_name, headers, trailers) => {
    world = await World.start(client, upstream, [verifying], streams(BODY, headers, trailers));
    await expect(world.ask()).rejects.toThrow();
    await world.ended(1);
    expect(world.records).toMatchObject([{ flag: 'UPE', detail: 'response_digest_mismatch' }]);
  });

  test('nor does one that is compressed on its way, nor an empty one', async () => {
    world = await World.start(client, upstream, [verifying, compressor()], streams(Buffer.alloc(50_000, 'a'), {
      'content-type': 'text/plain', 'content-digest': OTHER,
    }));
    await expect(world.ask({ 'accept-encoding': 'gzip' })).rejects.toThrow();
    await world.ended(1);
    await world.close();
    world = await World.start(client, upstream, [verifying], (exchange) => {
      exchange.respond(200, { 'content-length': '0', 'content-digest': OTHER });
      exchange.end();
    });
    await expect(world.ask()).rejects.toThrow();
    await world.ended(1);
    expect(world.records).toMatchObject([{ detail: 'response_digest_mismatch' }]);
  });

  test('a request that is what it says passes, one that is not ends with 400 and never looks complete', async () => {
    const taken: (Buffer | 'cut off')[] = [];
    world = await World.start(client, upstream, [verifying], (exchange) => {
      exchange.body.then(({ body }) => {
        taken.push(body);
        exchange.respond(204, {});
        exchange.end();
      }, () => taken.push('cut off'));
    });
    const pieces = [BODY.subarray(0, 5), BODY.subarray(5)];
    const lengths: Record<string, string>[] = [{}, { 'content-length': '12' }];
    for (const length of lengths) {
      expect((await world.ask({ ...length, 'content-digest': digestOf(BODY) }, 'POST', pieces)).status).toBe(204);
      const refused = await world.ask({ ...length, 'content-digest': OTHER }, 'POST', pieces);
      expect(refused.status).toBe(400);
      expect(JSON.parse(refused.body.toString())).toMatchObject({ type: 'https://meshwright.dev/problems/digest-mismatch', policy: 'digest' });
    }
    expect(taken.filter((body) => body !== 'cut off').map(String)).toEqual([BODY.toString(), BODY.toString()]);
    expect(world.records.filter(({ detail }) => detail === 'request_digest_mismatch')).toHaveLength(2);
  });

  test('a request that streams for a while is broken off at its end, as the upstream sees it', async () => {
    let begun: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => (begun = resolve));
    let outcome: Promise<unknown> = Promise.resolve();
    world = await World.start(client, upstream, [verifying], (exchange) => {
      outcome = exchange.body;
      begun();
    });
    const { request, answer } = await world.open({ 'content-digest': OTHER, ...(client === 1 ? { 'transfer-encoding': 'chunked' } : {}) }, 'POST');
    request.write(BODY);
    await seen;
    request.end(BODY);
    expect((await answer).status).toBe(400);
    await (await answer).whole();
    await expect(outcome).rejects.toThrow('cut off');
  });

  test('a digest in the trailers of a request counts', async () => {
    let outcomes = 0;
    world = await World.start(client, upstream, [verifying], (exchange) => {
      exchange.body.then(({ trailers }) => {
        outcomes++;
        exchange.respond(200, { 'x-seen': String(trailers['content-digest']) });
        exchange.end();
      }, () => undefined);
    });
    const { request, answer } = await withTrailers(world, { 'content-digest': digestOf(BODY) });
    request.end(BODY);
    expect((await answer).headers['x-seen']).toBe(digestOf(BODY));
    await (await answer).whole();
    const wrong = await withTrailers(world, { 'content-digest': OTHER });
    wrong.request.end(BODY);
    expect((await wrong.answer).status).toBe(400);
    await (await wrong.answer).whole();
    expect(outcomes).toBe(1);
  });

  test('of an answer that streams the digests come as trailers, which the head announces; of what the client gets', async () => {
    const making = digest({ response: { makeContentDigest: true, makeReprDigest: true } });
    const text = Buffer.from('and so on '.repeat(3000));
    for (const asked of [{}, { 'accept-encoding': 'gzip' }] as Record<string, string>[]) {
      let upstreamSide: Exchange | undefined;
      world = await World.start(client, upstream, [making, compressor(GZIP)], (exchange) => {
        upstreamSide = exchange;
        exchange.respond(200, { 'content-type': 'text/plain' });
        exchange.write(text.subarray(0, 1000));
      });
      const { request, answer: comes } = await world.open(asked);
      request.end();
      const streamed = await comes;
      upstreamSide!.end(text.subarray(1000));
      const answer = { headers: streamed.headers, ...await streamed.whole() };
      expect(String(answer.headers.trailer)).toBe('content-digest, repr-digest');
      const value = digestOf(answer.body);
      expect(answer.trailers).toMatchObject({ 'content-digest': value, 'repr-digest': value });
      const content = asked['accept-encoding'] === undefined ? answer.body : zlib.gunzipSync(answer.body);
      expect(content.equals(text)).toBe(true);
      await world.close();
    }
  });

  test('of a request in chunks the upstream gets a trailer', async () => {
    world = await World.start(client, upstream, [digest({ request: { makeContentDigest: true } })], (exchange) => {
      exchange.body.then(({ body, trailers }) => {
        exchange.respond(200, { 'x-trailer': String(trailers['content-digest'] ?? exchange.headers['content-digest']) });
        exchange.end(body);
      }, () => undefined);
    });
    await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { minLength: 1, maxLength: 4 }), async (cuts) => {
      const pieces = cuts.map((bytes) => Buffer.from(bytes));
      const answer = await world!.ask({}, 'POST', pieces);
      const body = Buffer.concat(pieces);
      expect(answer.body.equals(body)).toBe(true);
      expect(answer.headers['x-trailer']).toBe(digestOf(body));
    }), { numRuns: 20 });
  });
});

async function withTrailers(of: World, trailers: Record<string, string>) {
  if (of.client === 1) {
    const opened = await of.open({ 'transfer-encoding': 'chunked', 'trailer': 'content-digest' }, 'POST');
    (opened.request as http.ClientRequest).addTrailers(trailers);
    return opened;
  }
  return of.open({}, 'POST', trailers);
}

describe('where the whole body is at hand the digest is in the head', () => {
  test('of an answer of HTTP/1.1 that came in one piece', async () => {
    world = await World.start(1, 1, [digest({ response: { makeContentDigest: true, makeReprDigest: true } })], (exchange) => {
      exchange.end(BODY);
    });
    const answer = await world.ask();
    expect(answer.headers).toMatchObject({ 'content-digest': digestOf(BODY), 'repr-digest': digestOf(BODY), 'content-length': '12' });
    expect(answer.headers.trailer).toBeUndefined();
  });
});

describe('sha256Of', () => {
  test.each([
    ['sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
    [' sha-512=:AAAA: , sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:;a=b', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
    ['sha-512=:AAAA:', undefined],
    ['', undefined],
    ['sha-256=:AAAA:', null],
    ['sha-256', null],
    ['sha-256="x"', null],
  ])('%s', (field, expected) => {
    const found = sha256Of(field);
    expect(Buffer.isBuffer(found) ? found.toString('base64') : found).toBe(expected);
  });
});
