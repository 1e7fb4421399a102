import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as fc from 'fast-check';
import { Decoded, HpackDecoder } from '../../../../runtime/proxy/http2/hpack/decoder';
import { NO_TABLE, writeField, writeIndexed, writeMethod, writeNamed, writeStatus } from '../../../../runtime/proxy/http2/hpack/encoder';
import { FieldSection } from '../../../../runtime/proxy/http2/hpack/field-section';
import { Static } from '../../../../runtime/proxy/http2/hpack/static-table';

const LIMIT = 64 * 1024;

function decode(decoder: HpackDecoder, block: Buffer, limit = LIMIT): { result: number; fields: [string, string][]; section: FieldSection } {
  const section = new FieldSection(limit);
  const result = decoder.decode(block, 0, block.length, section);
  const fields = Array.from({ length: section.count }, (_, i): [string, string] => [section.name(i), section.value(i)]);
  return { result, fields, section };
}

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

describe('RFC 7541 Appendix C', () => {
  const request = [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'www.example.com']];
  const second = [...request, ['cache-control', 'no-cache']];
  const third = [[':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'], [':authority', 'www.example.com'], ['custom-key', 'custom-value']];
  const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
  const answer = (status: string, at = date): string[][] =>
    [[':status', status], ['cache-control', 'private'], ['date', at], ['location', 'https://www.example.com']];

  test.each<[string, string, string[][]]>([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', [['custom-key', 'custom-header']]],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [[':path', '/sample/path']]],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', [['password', 'secret']]],
    ['C.2.4', '82', [[':method', 'GET']]],
  ])('%s', (_, block, fields) => {
    expect(decode(new HpackDecoder(), hex(block))).toMatchObject({ result: Decoded.Ok, fields });
  });

  test.each<[string, string[], string[][][]]>([
    ['C.3', ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'], [request, second, third]],
    ['C.4', ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'], [request, second, third]],
    // With a table of 256 bytes, which evicts.
    ['C.5', ['3fe1 01 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31'],
    [answer('302'), answer('307'), [
      [':status', '200'], ['cache-control', 'private'], ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'], ['location', 'https://www.example.com'],
      ['content-encoding', 'gzip'], ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ]]],
    ['C.6', ['3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07'],
    [answer('302'), answer('307'), [
      [':status', '200'], ['cache-control', 'private'], ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'], ['location', 'https://www.example.com'],
      ['content-encoding', 'gzip'], ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ]]],
  ])('%s', (_, blocks, expected) => {
    const decoder = new HpackDecoder();
    expect(blocks.map((block) => decode(decoder, hex(block)).fields)).toEqual(expected);
  });
});

describe('blocks that are refused', () => {
  test.each<[string, string]>([
    ['index 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a name beyond both tables', '7e0161'],
    ['an integer that does not end', '7fffffffffff0f'],
    ['an integer that is cut off', 'ff'],
    ['a string that is cut off', '400a6375'],
    ['a value that is missing', '400161'],
    ['a size update after a field', '8220'],
    ['a table larger than was allowed', '3fe21f'],
    ['a Huffman code with EOS', '008460ffffffff0161'],
    ['Huffman padding of 8 bits', '00821fff0161'],
    ['Huffman padding that is not ones', '0081180161'],
  ])('%s', (_, block) => {
    expect(decode(new HpackDecoder(), hex(block)).result).toBe(Decoded.Invalid);
  });

  test('a list over its limit says so, and the tables stay alike', () => {
    const decoder = new HpackDecoder();
    const large = Buffer.alloc(3000, 97);
    const first = Buffer.concat([hex('4001 62 7fb9 16'), large]);
    expect(decode(decoder, first, 2000)).toMatchObject({ result: Decoded.Ok, section: { tooLarge: true, count: 0 } });
    expect(decode(decoder, hex('be')).fields).toEqual([['b', large.toString()]]);
  });

  test('a block that unfolds without end is given up, with nothing of it kept', () => {
    const decoder = new HpackDecoder();
    decode(decoder, Buffer.concat([hex('4001 62 7fb9 16'), Buffer.alloc(3000, 97)]));
    const { result, section } = decode(decoder, Buffer.alloc(16_000, 0xbe));
    expect(result).toBe(Decoded.Bomb);
    expect(section.bytes.length).toBeLessThanOrEqual(2 * LIMIT);
  });

  test('whatever comes, decoding ends', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder();
      for (const block of blocks) {
        const { result, section } = decode(decoder, Buffer.from(block), 1000);
        expect([Decoded.Ok, Decoded.Invalid, Decoded.Bomb]).toContain(result);
        expect(section.end).toBeLessThanOrEqual(1000);
      }
    }), { numRuns: 500 });
  });
});

const token = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/);
const value = fc.stringMatching(/^[\x21-\x7e\xa0-\xff]([\x20-\x7e]{0,60}[\x21-\x7e])?$/);

describe('against nghttp2', () => {
  /** The header blocks that nghttp2 makes of requests, read off its connection. */
  async function blocksOf(requests: readonly (readonly [string, string])[][]): Promise<Buffer[]> {
    const blocks: Buffer[] = [];
    let bytes = Buffer.alloc(0);
    let prefaced = false;
    const { promise, resolve } = withResolvers();
    const server = net.createServer((socket) => {
      socket.write(hex('000000 04 00 00000000'));
      socket.on('data', (more) => {
        bytes = Buffer.concat([bytes, more]);
        if (!prefaced && bytes.length >= 24) {
          prefaced = true;
          bytes = bytes.subarray(24);
        }
        while (prefaced && bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
          const length = bytes.readUIntBE(0, 3);
          if (bytes[3] === 1) blocks.push(Buffer.from(bytes.subarray(9, 9 + length)));
          bytes = bytes.subarray(9 + length);
        }
        if (blocks.length === requests.length) resolve();
      });
      socket.on('error', () => undefined);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
    client.on('error', () => undefined);
    for (const fields of requests) {
      const stream = client.request(Object.fromEntries([[':path', '/'], ...fields]), { endStream: true });
      stream.on('error', () => undefined);
    }
    await promise;
    client.destroy();
    await new Promise((resolve_) => server.close(resolve_));
    return blocks;
  }

  test('its blocks decode to what it was given', async () => {
    const lists = fc.sample(fc.uniqueArray(fc.tuple(token, value), { selector: ([name]) => name, maxLength: 12 }), { numRuns: 60, seed: 7 });
    // Each list twice: the second time much of it is in the table.
    const requests = lists.flatMap((list) => [list, list]);
    const blocks = await blocksOf(requests);
    const decoder = new HpackDecoder();
    blocks.forEach((block, i) => {
      const { result, fields } = decode(decoder, block);
      expect(result).toBe(Decoded.Ok);
      expect(fields.filter(([name]) => name.startsWith('x-'))).toEqual(requests[i]);
    });
  });

  test('what is encoded here it reads', async () => {
    const lists = fc.sample(fc.uniqueArray(fc.tuple(token, value), { selector: ([name]) => name, maxLength: 12 }), { numRuns: 40, seed: 9 });
    const seen: http2.IncomingHttpHeaders[] = [];
    const { promise, resolve } = withResolvers();
    const server = http2.createServer({ settings: { headerTableSize: 0 } }, (request) => {
      seen.push(request.headers);
      if (seen.length === lists.length) resolve();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const path = Buffer.from('/a/b?c=d');
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), hex('000000 04 00 00000000'), ...lists.map((list, i) => {
      const to = Buffer.alloc(8192);
      let at = 0;
      if (i === 0) to[at++] = NO_TABLE;
      at = writeMethod(to, at, Buffer.from('GET'), 0, 3);
      at = writeIndexed(to, at, Static.Scheme);
      at = writeNamed(to, at, Static.Path, path, 0, path.length);
      at = writeNamed(to, at, Static.Authority, path, 1, 2);
      for (const [name, text] of list) {
        const line = Buffer.from(name.toUpperCase() + text, 'latin1');
        at = writeField(to, at, line, 0, name.length, name.length, line.length);
      }
      const header = Buffer.alloc(9);
      header.writeUIntBE(at, 0, 3);
      header[3] = 1;
      header[4] = 5;
      header.writeUInt32BE(2 * i + 1, 5);
      return Buffer.concat([header, to.subarray(0, at)]);
    })]));
    await promise;
    seen.forEach((headers, i) => expect(Object.entries(headers).filter(([name]) => name.startsWith('x-'))).toEqual(lists[i]));
    expect(seen[0]).toMatchObject({ ':method': 'GET', ':path': '/a/b?c=d', ':scheme': 'http' });
    socket.destroy();
    await new Promise((resolve_) => server.close(resolve_));
  });
});

test('fields of the encoder decode to what was written, statuses of every kind among them', () => {
  const statuses = fc.integer({ min: 100, max: 999 });
  fc.assert(fc.property(statuses, fc.array(fc.tuple(token, value), { maxLength: 10 }), fc.nat(40_000), (status, list, long) => {
    const to = Buffer.alloc(64 * 1024);
    let at = writeStatus(to, 0, status);
    const all = [...list, ['etag', 'e'.repeat(long)], ['authorization', 'secret']];
    for (const [name, text] of all) {
      const line = Buffer.from(name + text, 'latin1');
      at = writeField(to, at, line, 0, name.length, name.length, line.length);
    }
    expect(decode(new HpackDecoder(), to.subarray(0, at)).fields).toEqual([[':status', String(status)], ...all]);
  }), { numRuns: 200 });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  return { promise: new Promise<void>((resolve_) => { resolve = resolve_; }), resolve };
}
