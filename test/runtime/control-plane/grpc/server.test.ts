import { connect, type Socket } from 'node:net';
import { Client, credentials, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { GrpcServer, Status, type GrpcCall } from '../../../../runtime/control-plane/grpc';
import { frame, literal, uint32 } from '../../../../runtime/control-plane/grpc/protocol';
import { ErrorCode, Flag, FrameType, MAX_FRAME, PREFACE } from '../../../../runtime/proxy/http2/protocol';

let server: GrpcServer;
let port: number;
let calls: GrpcCall[];
let accepted: ((call: GrpcCall) => void) | undefined;
let clock: VirtualClock;
const clients: Client[] = [];
const sockets: Socket[] = [];

/** Answers each message with itself, or what the test says. */
let answer: (one: GrpcCall, message: Buffer) => void;
const drained: string[] = [];

beforeEach(async () => {
  calls = [];
  clock = new VirtualClock();
  answer = (one, message) => { one.write(message); };
  server = new GrpcServer({
    clock,
    methods: {
      '/echo/Echo': (one) => {
        calls.push(one);
        one.handlers = {
          onMessage: (message) => answer(one, message),
          onEnd: () => one.end(Status.Ok),
          onDrain: () => drained.push('drained'),
          onClose: () => drained.push('closed'),
        };
        accepted?.(one);
      },
    },
  });
  port = await server.listen({ host: '127.0.0.1', port: 0 });
  drained.length = 0;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  const closed = server.close(1);
  clock.advance(1);
  await closed;
});

const same = (bytes: Buffer) => bytes;
function call(path = '/echo/Echo'): ClientDuplexStream<Buffer, Buffer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  clients.push(client);
  const stream = client.makeBidiStreamRequest(path, same, same);
  // At the end of a test its connection goes.
  stream.on('error', () => {});
  return stream;
}

const next = async (stream: ClientDuplexStream<Buffer, Buffer>) => new Promise<Buffer>((done, failed) => {
  stream.once('data', done);
  stream.once('error', failed);
});
const failure = async (stream: ClientDuplexStream<Buffer, Buffer>) => new Promise<ServiceError>((done) => {
  stream.once('error', (error: ServiceError) => done(error));
  stream.resume();
});

describe('a client of grpc-js', () => {
  test('messages go both ways, whatever their size: windows and frames are no bound', async () => {
    const stream = call();
    for (const size of [0, 1, MAX_FRAME - 5, MAX_FRAME, 70_000, 1_000_000]) {
      const message = Buffer.alloc(size, size % 251);
      const echoed = next(stream);
      stream.write(message);
      expect((await echoed).equals(message)).toBe(true);
    }
    const ended = new Promise<number>((done) => { stream.on('status', ({ code }) => done(code)); });
    stream.resume();
    stream.end();
    expect(await ended).toBe(Status.Ok);
  });

  test('many messages of many calls, each in its order', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      const stream = call();
      const got: string[] = [];
      const done = new Promise<void>((resolve) => stream.on('data', (bytes: Buffer) => {
        got.push(bytes.toString());
        if (got.length === 50) resolve();
      }));
      for (let message = 0; message < 50; message++) stream.write(Buffer.from(`${index}/${message}`));
      await done;
      stream.end();
      return got;
    }));
    all.forEach((got, index) => expect(got).toEqual(Array.from({ length: 50 }, (_, message) => `${index}/${message}`)));
  });

  test('a call of a method that is not there is UNIMPLEMENTED; names of an object\'s prototype are none', async () => {
    expect(await failure(call('/echo/Other'))).toMatchObject({ code: 12, details: '/echo/Other is not served here' });
    expect(await failure(call('toString'))).toMatchObject({ code: 12 });
  });

  test('a status of the server comes with its text', async () => {
    answer = (one) => one.end(Status.PermissionDenied, 'you are not 100 % who you say, ä');
    const stream = call();
    stream.write(Buffer.from('x'));
    expect(await failure(stream)).toMatchObject({ code: 7, details: expect.stringContaining('you are not 100 ') });
  });

  test('a message beyond 4 MiB is refused before it is there', async () => {
    const stream = call();
    stream.on('error', () => {});
    const failed = failure(stream);
    stream.write(Buffer.alloc(4 * 1024 * 1024 + 1));
    expect(await failed).toMatchObject({ code: 8 });
  });

  test('a client that cancels ends the call', async () => {
    const stream = call();
    const error = failure(stream);
    const taken = next(stream).catch(() => Buffer.alloc(0));
    stream.write(Buffer.from('x'));
    await taken;
    const over = new Promise<void>((done) => { calls[0]!.handlers = { ...calls[0]!.handlers!, onClose: done }; });
    stream.cancel();
    await Promise.all([over, error]);
  });

  test('the server\'s end tells open calls nothing, and cuts those that stay', async () => {
    const stream = call();
    const echoed = next(stream);
    stream.write(Buffer.from('x'));
    await echoed;
    const lost = failure(stream);
    const closed = server.close(1000);
    clock.advance(1000);
    await closed;
    expect((await lost).code).toBe(Status.Unavailable);
  });
});

describe('frames', () => {
  const HEADERS = Buffer.concat([Buffer.from([0x83, 0x86]), literal(':path', '/echo/Echo'), literal('content-type', 'application/grpc')]);
  const OPEN = frame(FrameType.Headers, Flag.EndHeaders, 1, HEADERS);
  const CONTINUED = frame(FrameType.Continuation, 0, 1, Buffer.alloc(8000));
  const SETTINGS = frame(FrameType.Settings, 0, 0, Buffer.alloc(0));
  const message = (text: string) => Buffer.concat([Buffer.from([0]), uint32(Buffer.byteLength(text)), Buffer.from(text)]);

  /** What the server answers until it closes, or until `enough` holds: `type flags stream payload`. */
  async function exchange(parts: readonly Uint8Array[], enough: (frames: string[]) => boolean = () => false): Promise<string[]> {
    return new Promise((done) => {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      let all = Buffer.alloc(0);
      const frames = () => {
        const found: string[] = [];
        for (let at = 0; all.length - at >= 9; at += 9 + all.readUIntBE(at, 3)) {
          const payload = all.subarray(at + 9, at + 9 + all.readUIntBE(at, 3));
          found.push(`${all[at + 3]} ${all[at + 4]} ${all.readUInt32BE(at + 5)} ${payload.toString('hex')}`);
        }
        return found;
      };
      socket.on('data', (bytes: Buffer) => {
        all = Buffer.concat([all, bytes]);
        if (enough(frames())) done(frames());
      });
      socket.on('error', () => {});
      socket.on('close', () => done(frames()));
      for (const part of parts) socket.write(part);
    });
  }
  const goAway = (code: number) => expect.stringMatching(new RegExp(`^7 0 0 [0-9a-f]{8}${uint32(code).toString('hex')}$`));

  test('a byte at a time is read as well', async () => {
    const all = Buffer.concat([PREFACE, SETTINGS, frame(FrameType.Headers, Flag.EndHeaders, 1, HEADERS), frame(FrameType.Data, 0, 1, message('hi'))]);
    const frames = await exchange([...all].map((byte) => Buffer.from([byte])), (got) => got.some((one) => one.startsWith('0 ')));
    expect(frames.find((one) => one.startsWith('0 '))).toBe(`0 0 1 ${message('hi').toString('hex')}`);
  });

  test('padding, priority, CONTINUATION and unknown frames are understood', async () => {
    const padded = Buffer.concat([Buffer.from([2]), message('hi'), Buffer.alloc(2)]);
    const head = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 16]), HEADERS.subarray(0, 10), Buffer.alloc(1)]);
    const frames = await exchange([
      PREFACE, SETTINGS, frame(0x42, 255, 0, Buffer.from('grease')),
      frame(FrameType.Headers, Flag.Padded | Flag.Priority, 1, head), frame(FrameType.Continuation, Flag.EndHeaders, 1, HEADERS.subarray(10)),
      frame(FrameType.Data, Flag.Padded, 1, padded),
    ], (got) => got.some((one) => one.startsWith('0 ')));
    expect(frames.find((one) => one.startsWith('0 '))).toBe(`0 0 1 ${message('hi').toString('hex')}`);
  });

  test('a client\'s window is kept, and what waits goes on when there is more of it', async () => {
    const size = { id: 4, value: 10 };
    const narrow = frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, size.id]), uint32(size.value)]));
    const open = [PREFACE, narrow, frame(FrameType.Headers, Flag.EndHeaders, 1, HEADERS), frame(FrameType.Data, 0, 1, message('0123456789'))];
    const isData = (one: string) => one.startsWith('0 ');
    const first = await exchange(open, (got) => got.some(isData));
    expect(first.filter(isData)).toEqual([`0 0 1 ${message('0123456789').subarray(0, 10).toString('hex')}`]);
    const updates = [3, 100].map((more) => frame(FrameType.WindowUpdate, 0, 1, uint32(more)));
    const whole = await exchange([...open, ...updates], (got) => got.filter(isData).length === 3);
    expect(Buffer.from(whole.filter(isData).map((one) => one.split(' ')[3]).join(''), 'hex').equals(message('0123456789'))).toBe(true);
  });

  test.each<[string, readonly Uint8Array[], number]>([
    ['no preface', [Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n        ')], ErrorCode.ProtocolError],
    ['a frame that is too long', [PREFACE, SETTINGS, frame(FrameType.Data, 0, 1, Buffer.alloc(MAX_FRAME + 1))], ErrorCode.FrameSizeError],
    ['data of a stream that is idle', [PREFACE, SETTINGS, frame(FrameType.Data, 0, 1, Buffer.alloc(1))], ErrorCode.ProtocolError],
    ['an even stream', [PREFACE, SETTINGS, frame(FrameType.Headers, Flag.EndHeaders, 2, HEADERS)], ErrorCode.ProtocolError],
    ['a header block that is interrupted', [PREFACE, SETTINGS, frame(FrameType.Headers, 0, 1, HEADERS), SETTINGS], ErrorCode.ProtocolError],
    ['a header block without end', [PREFACE, SETTINGS, frame(FrameType.Headers, 0, 1, HEADERS), ...Array<Buffer>(3).fill(CONTINUED)], ErrorCode.EnhanceYourCalm],
    ['headers that cannot be decoded', [PREFACE, SETTINGS, frame(FrameType.Headers, Flag.EndHeaders, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))], ErrorCode.CompressionError],
    ['a stream again', [PREFACE, SETTINGS, ...[3, 1].map((id) => frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, id, HEADERS))], ErrorCode.StreamClosed],
    ['a window of nothing', [PREFACE, SETTINGS, frame(FrameType.WindowUpdate, 0, 0, uint32(0))], ErrorCode.ProtocolError],
    ['a window that overflows', [PREFACE, SETTINGS, frame(FrameType.WindowUpdate, 0, 0, uint32(2 ** 31 - 1))], ErrorCode.FlowControlError],
    ['padding longer than the frame', [PREFACE, SETTINGS, OPEN, frame(FrameType.Data, Flag.Padded, 1, Buffer.from([9, 1]))], ErrorCode.ProtocolError],
    ['a ping of another size', [PREFACE, SETTINGS, frame(FrameType.Ping, 0, 0, Buffer.alloc(7))], ErrorCode.FrameSizeError],
    ['a push by a client', [PREFACE, SETTINGS, frame(FrameType.PushPromise, Flag.EndHeaders, 1, Buffer.alloc(4))], ErrorCode.ProtocolError],
  ])('%s ends the connection with its code', async (_, parts, code) => {
    expect(await exchange(parts)).toContainEqual(goAway(code));
  });

  test('more streams than are allowed are refused, and the others go on', async () => {
    const open = Array.from({ length: 101 }, (_, index) => frame(FrameType.Headers, Flag.EndHeaders, 2 * index + 1, HEADERS));
    const frames = await exchange([PREFACE, SETTINGS, ...open, frame(FrameType.Data, 0, 1, message('hi'))], (got) => got.some((one) => one.startsWith('0 ')));
    expect(frames).toContainEqual(`3 0 201 ${uint32(ErrorCode.RefusedStream).toString('hex')}`);
    expect(calls).toHaveLength(100);
  });

  test('a client that answers no ping is given up', async () => {
    const opened = new Promise<void>((done) => { accepted = () => done(); });
    let asked = () => {};
    const pinged = new Promise<void>((done) => { asked = done; });
    const frames = exchange([PREFACE, SETTINGS, frame(FrameType.Headers, Flag.EndHeaders, 1, HEADERS)], (got) => {
      if (got.some((one) => one.startsWith('6 0'))) asked();
      return false;
    });
    await opened;
    accepted = undefined;
    clock.advance(20_000);
    await pinged;
    clock.advance(20_000);
    expect((await frames).filter((one) => one.startsWith('6 0'))).toHaveLength(1);
    expect(drained).toContain('closed');
  });
});
