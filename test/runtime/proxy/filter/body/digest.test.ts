import * as http from 'node:http';
import * as net from 'node:net';
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
    ...upstream === 2 ? [['a trailer behind a known length', { 'trailer': 'content-digest', 'content-length': '12' }, { 'content-digest': digestOf(BODY) }]] as [string, Record<string, string>, Record<string, string>][] : [],
    ['none', {}, undefined],
  ])('an answer that is what it says passes: %s', async (_name, headers, trailers) => {
    world = await World.start(client, upstream, [verifying], streams(BODY, headers, trailers));
    const answer = await world.ask();
    expect(answer.body.equals(BODY)).toBe(true);
    const { 'content-length': length, ...others } = headers;
    expect({ ...answer.headers, ...answer.trailers }).toMatchObject(others);
    // A length is kept where nothing can follow it: in HTTP/2 trailers can, and in HTTP/1.1 only chunks have a place for them.
    if (length !== undefined) expect(answer.headers['content-length']).toBe(client === 1 && upstream === 2 ? undefined : length);
    if (trailers !== undefined) expect(answer.trailers).toMatchObject(trailers);
    expect(world.records).toMatchObject([{ status: 200, flag: undefined }]);
  });

  test.each<[string, Record<string, string>, Record<string, string> | undefined]>([
    ['Content-Digest in the head, known length', { 'content-length': '12', 'content-digest': OTHER }, undefined],
    ['in chunks', { 'content-digest': OTHER }, undefined],
    ['Repr-Digest', { 'repr-digest': OTHER }, undefined],
    ['a trailer', { trailer: 'content-digest' }, { 'content-digest': OTHER }],
    ...upstream === 2 ? [['a trailer behind a known length', { 'trailer': 'content-digest', 'content-length': '12' }, { 'content-digest': OTHER }]] as [string, Record<string, string>, Record<string, string>][] : [],
    ['no digest at all', { 'content-digest': 'sha-256=:AAAA:' }, undefined],
  ])('an answer that is another one never looks complete: %s', async (_name, headers, trailers) => {
    world = await World.start(client, upstream, [verifying], streams(BODY, headers, trailers));
    expect(await outcomeOf(world)).toMatch(/^(502|cut off)$/);
    await world.ended(1);
    expect(world.records).toMatchObject([{ flag: 'UPE', detail: 'response_digest_mismatch' }]);
  });

  test('nor does one that is compressed on its way, nor an empty one', async () => {
    world = await World.start(client, upstream, [verifying, compressor()], streams(Buffer.alloc(50_000, 'a'), {
      'content-type': 'text/plain', 'content-digest': OTHER,
    }));
    expect(await outcomeOf(world, { 'accept-encoding': 'gzip' })).toMatch(/^(502|cut off)$/);
    await world.ended(1);
    await world.close();
    world = await World.start(client, upstream, [verifying], (exchange) => {
      exchange.respond(200, { 'content-length': '0', 'content-digest': OTHER });
      exchange.end();
    });
    expect(await outcomeOf(world)).toMatch(/^(502|cut off)$/);
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
    if (client === 2) {
      const known = await world.open({ 'content-length': String(BODY.length) }, 'POST', { 'content-digest': digestOf(BODY) });
      known.request.end(BODY);
      expect((await known.answer).status).toBe(200);
      await (await known.answer).whole();
      outcomes--;
      const other = await world.open({ 'content-length': String(BODY.length) }, 'POST', { 'content-digest': OTHER });
      other.request.end(BODY);
      expect((await other.answer).status).toBe(400);
      await (await other.answer).whole();
    }
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

/** `cut off`, or the status of an answer that is whole. */
async function outcomeOf(of: World, headers: Record<string, string> = {}): Promise<string> {
  return of.ask(headers).then(({ status }) => String(status), () => 'cut off');
}

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

describe('where nothing of the answer has gone to the client', () => {
  test.each([1, 2] as const)('one that is not what it says is 502, to a client of HTTP/%i', async (client) => {
    world = await World.start(client, 1, [digest({ response: { verify: true } })], (exchange) => {
      exchange.respondWhole(200, { 'content-digest': OTHER }, exchange.headers['x-empty'] === undefined ? BODY : '');
    });
    for (const asked of [{}, { 'x-empty': '1' }] as Record<string, string>[]) {
      const answer = await world.ask(asked);
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ type: 'https://meshwright.dev/problems/upstream-digest-mismatch', policy: 'digest' });
      expect(answer.headers['content-digest']).toBeUndefined();
    }
    // Nor is the connection to the client lost.
    expect(world.records.map(({ status }) => status)).toEqual([502, 502]);
  });

  test('nor is the end of a stream that brought no byte', async () => {
    world = await World.start(2, 2, [digest({ response: { verify: true } })], (exchange) => exchange.respondWhole(200, { 'content-digest': OTHER }, ''));
    expect((await world.ask()).status).toBe(502);
  });
});

describe('a client of HTTP/1.0', () => {
  const verifying = digest({ response: { verify: true } });
  const kinds: [string, 1 | 2, Record<string, string>, boolean][] = [
    ['in chunks', 1, {}, false], ['in chunks with a trailer', 1, { trailer: 'content-digest' }, true], ['to the end of the connection', 1, { connection: 'close' }, false],
    ['of a known length', 1, { 'content-length': '12' }, false], ['of a stream', 2, {}, false], ['of a stream with trailers', 2, {}, true],
    ['of a stream of known length with trailers', 2, { 'content-length': '12' }, true],
  ];

  test.each(kinds)('gets an answer that is what it says, and of another one never its end: %s', async (_name, upstream, headers, inTrailer) => {
    for (const [value, isRight] of [[digestOf(BODY), true], [OTHER, false]] as const) {
      const named = { 'content-digest': value };
      world = await World.start(1, upstream, [verifying], (exchange) => {
        exchange.respond(200, inTrailer ? headers : { ...headers, ...named }, inTrailer);
        exchange.write(BODY.subarray(0, 5));
        setImmediate(() => exchange.end(BODY.subarray(5), inTrailer ? named : undefined));
      });
      const { text, reset } = await oldClient(world);
      const body = text.slice(text.indexOf('\r\n\r\n') + 4);
      expect(text).not.toMatch(/transfer-encoding/i);
      if (isRight) {
        expect({ body, reset }).toEqual({ body: BODY.toString(), reset: false });
      } else if (!text.startsWith('HTTP/1.1 502 ')) {
        const complete = !reset || body.length === Number(/content-length: (\d+)/i.exec(text)?.[1] ?? -1);
        expect({ complete, text: complete ? text : '' }).toEqual({ complete: false, text: '' });
      }
      await world.ended(1);
      expect(world.records[0].flag).toBe(isRight ? undefined : 'UPE');
      await world.close();
    }
  });

  test('gets data without chunks where a filter has nothing to do with it', async () => {
    world = await World.start(1, 1, [compressor(GZIP)], streams(BODY, { 'content-type': 'text/plain' }));
    const { text, reset } = await oldClient(world);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(BODY.toString());
    expect(reset).toBe(false);
  });
});

/** What comes of a request of HTTP/1.0, to the end or the reset of its connection. */
async function oldClient(of: World): Promise<{ text: string; reset: boolean }> {
  return new Promise((resolve) => {
    const socket = net.connect(of.port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n'));
    let text = '', reset = false;
    socket.on('data', (bytes) => (text += bytes.toString('latin1')));
    socket.on('error', () => (reset = true));
    socket.on('close', () => resolve({ text, reset }));
  });
}

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
