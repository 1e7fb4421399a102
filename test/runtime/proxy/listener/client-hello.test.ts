import * as fc from 'fast-check';
import { ClientHelloReader, Found, MAX_INSPECTED } from '../../../../runtime/proxy/listener/client-hello';
import { clientHello, inRecords, messageOf } from '../support/client-hello';

/** What is said of bytes that come in pieces of the given sizes, over and over. */
function read(bytes: Buffer, sizes: readonly number[] = [bytes.length]) {
  const reader = new ClientHelloReader();
  let found: Found = Found.More;
  let used = 0;
  for (let i = 0; used < bytes.length && found === Found.More; i++) {
    // As in the shared buffer: not at its beginning, and overwritten after.
    const piece = Buffer.concat([Buffer.from('...'), bytes.subarray(used, used + sizes[i % sizes.length]), Buffer.from('...')]);
    found = reader.read(piece, 3, piece.length - 3);
    used += piece.length - 6;
    piece.fill(0xee);
  }
  return { found, serverName: reader.serverName, protocols: reader.protocols };
}

/** A ClientHello made of parts, each of which may be wrong. */
function made({ extensions = [] as readonly Buffer[], session = 32, suites = 2, compression = 1, tail = '' } = {}): Buffer {
  const all = Buffer.concat(extensions);
  const body = Buffer.concat([
    Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([session]), Buffer.alloc(session), Buffer.from([0, suites]), Buffer.alloc(suites),
    Buffer.from([compression]), Buffer.alloc(compression), ...(extensions.length === 0 ? [] : [number(all.length, 2), all]),
    Buffer.from(tail),
  ]);
  return inRecords(Buffer.concat([Buffer.from([22, 3, 1]), number(body.length + 4, 2), Buffer.from([1]), number(body.length, 3), body]), [1 << 14]);
}

function number(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([number(type, 2), number(data.length, 2), data]);
}

function sni(...names: readonly string[]): Buffer {
  const list = Buffer.concat(names.map((name) => Buffer.concat([Buffer.from([0]), number(name.length, 2), Buffer.from(name, 'latin1')])));
  return extension(0, Buffer.concat([number(list.length, 2), list]));
}

const NOTHING = { serverName: '', protocols: [] };

describe('what OpenSSL says', () => {
  test.each([
    [{ servername: 'Payment.Shop.Example', ALPNProtocols: ['h2', 'http/1.1'] }, { serverName: 'payment.shop.example', protocols: ['h2', 'http/1.1'] }],
    [{ servername: 'a.b', maxVersion: 'TLSv1.2' }, { serverName: 'a.b', protocols: [] }],
    [{ ALPNProtocols: ['spiffe'], minVersion: 'TLSv1.3' }, { serverName: '', protocols: ['spiffe'] }],
  ] as const)('%j', async (options, expected) => {
    expect(read(await clientHello(options as object))).toEqual({ found: Found.Yes, ...expected });
  });

  test('means the same however it is cut into records and reads', async () => {
    const hello = await clientHello({ servername: 'payment.shop', ALPNProtocols: ['h2'] });
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(sizes, sizes, (records, reads) => {
      expect(read(inRecords(hello, records), reads)).toEqual({ found: Found.Yes, serverName: 'payment.shop', protocols: ['h2'] });
    }), { numRuns: 300 });
    expect(read(inRecords(hello, [1]), [1]).found).toBe(Found.Yes);
  });

  test('is not said before all of it has come', async () => {
    const hello = await clientHello({ servername: 'payment.shop' });
    for (let length = 1; length < hello.length; length++) expect(read(hello.subarray(0, length))).toEqual({ found: Found.More, ...NOTHING });
  });

  test('with any byte changed is something or nothing, never an error, and in whatever pieces the same', async () => {
    const hello = await clientHello({ servername: 'payment.shop', ALPNProtocols: ['h2', 'http/1.1'] });
    fc.assert(fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.integer({ min: 1, max: 64 }), (at, value, size) => {
      const changed = Buffer.from(hello);
      changed[at] = value;
      const whole = read(changed);
      expect(read(changed, [size])).toEqual(whole);
    }), { numRuns: 1000 });
  });
});

describe('what is no ClientHello', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a record of another type', Buffer.from([23, 3, 3, 0, 1, 0])],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['another version', Buffer.from([22, 2, 0])],
    ['an empty fragment', Buffer.from([22, 3, 1, 0, 0])],
    ['a fragment that is too long', Buffer.from([22, 3, 1, 0x40, 1])],
    ['another handshake message', Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0])],
    ['a session that is too long', made({ session: 33 })],
    ['no cipher suite', made({ suites: 0 })],
    ['half a cipher suite', made({ suites: 3 })],
    ['no compression method', made({ compression: 0 })],
    ['bytes behind it', made({ extensions: [sni('a')], tail: 'x' })],
    ['an extension that is there twice', made({ extensions: [sni('a'), sni('a')] })],
    ['two names', made({ extensions: [sni('a', 'b')] })],
    ['an empty name', made({ extensions: [sni('')] })],
    ['a name with a line end', made({ extensions: [sni('a\n')] })],
    ['a name with a NUL', made({ extensions: [sni('a\0b')] })],
    ['a name beyond ASCII', made({ extensions: [sni('\u00e4')] })],
    ['a list that is longer than its extension', made({ extensions: [extension(0, Buffer.from([0, 9, 0, 0, 1, 97]))] })],
    ['an empty list of protocols', made({ extensions: [extension(16, Buffer.from([0, 0]))] })],
    ['an empty protocol', made({ extensions: [extension(16, Buffer.from([0, 1, 0]))] })],
  ])('%s', (_, bytes) => {
    expect(read(bytes).found).toBe(Found.No);
  });

  test('but one without extensions, or with unknown ones, is one; a dot at the end of a name means nothing', () => {
    expect(read(made())).toEqual({ found: Found.Yes, ...NOTHING });
    expect(read(made({ extensions: [extension(0xfafa, Buffer.alloc(3)), sni('shop.')] }))).toMatchObject({ found: Found.Yes, serverName: 'shop' });
  });

  test('one of more than 16 KiB is too long, told by its header, or by its records', () => {
    expect(read(Buffer.from([22, 3, 1, 0, 4, 1, 0, 0x40, 0])).found).toBe(Found.TooLong);
    expect(read(made({ extensions: [extension(21, Buffer.alloc(MAX_INSPECTED - 200))] })).found).toBe(Found.Yes);
    const padded = messageOf(made({ extensions: [extension(21, Buffer.alloc(MAX_INSPECTED))] }));
    expect(padded.length).toBeGreaterThan(MAX_INSPECTED);
    expect(read(inRecords(Buffer.concat([Buffer.from([22, 3, 1]), number(padded.length, 2), padded]), [100])).found).toBe(Found.TooLong);
  });
});
