import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import type { MessageLimits, ProxySnapshot } from '../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';

const HTTP2 = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const same = (b: Buffer): Buffer => b;
const bytes = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({ path: `/test.Echo/${name}`, requestStream, responseStream, ...bytes });
const SERVICE = {
  unary: method('Unary', false, false), up: method('Up', true, false), down: method('Down', false, true), both: method('Both', true, true),
};

interface Handlers {
  unary: grpc.handleUnaryCall<Buffer, Buffer>;
  up: grpc.handleClientStreamingCall<Buffer, Buffer>;
  down: grpc.handleServerStreamingCall<Buffer, Buffer>;
  both: grpc.handleBidiStreamingCall<Buffer, Buffer>;
}

/** client → caller's proxy → callee's proxy → server, all of grpc-js at the ends. */
describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('calls through two proxies, %s transport', (_name, createTransport) => {
  let server: grpc.Server;
  let client: grpc.Client;
  let proxies: Proxy[];
  let clock: EventClock;
  let ended: { status: number; grpc: number | undefined; flag: string | undefined; protocol: string | undefined }[][];
  let onEnded: (() => void) | undefined;
  let handlers: Handlers;
  let serverPort: number;

  beforeEach(async () => {
    clock = new EventClock();
    ended = [[], []];
    onEnded = undefined;
    handlers = {
      unary: (call, answer) => answer(null, call.request),
      up: (call, answer) => {
        let length = 0;
        call.on('data', (message: Buffer) => { length += message.length; });
        call.on('end', () => answer(null, Buffer.from(String(length))));
      },
      down: (call) => {
        for (const byte of call.request) call.write(Buffer.from([byte]));
        call.end();
      },
      both: (call) => {
        call.on('data', (message: Buffer) => call.write(message));
        call.on('end', () => call.end());
      },
    };
    server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
    server.addService(SERVICE, {
      unary: (...call: Parameters<Handlers['unary']>) => handlers.unary(...call),
      up: (...call: Parameters<Handlers['up']>) => handlers.up(...call),
      down: (...call: Parameters<Handlers['down']>) => handlers.down(...call),
      both: (...call: Parameters<Handlers['both']>) => handlers.both(...call),
    });
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
    });
    proxies = [];
    serverPort = bound;
    let port = bound;
    for (const at of [1, 0]) {
      const observer = {
        requestEnded: ({ status, grpcStatus, flag, protocol }: RequestRecord) => {
          ended[at].push({ status, grpc: grpcStatus, flag, protocol });
          onEnded?.();
        },
      };
      const proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer });
      await proxy.apply(configuration(port));
      port = proxy.listeners.get('ingress')!.port;
      proxies.push(proxy);
    }
    client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  });

  afterEach(async () => {
    client.close();
    server.forceShutdown();
    for (const proxy of proxies) {
      expect([...proxy.clusters.values()][0].activeRequests).toBe(0);
      await proxy.close();
    }
    expect(clock.virtual.timers).toBe(0);
  });

  function configuration(port: number, messageLimits?: MessageLimits): ProxySnapshot {
    const action = actionConfig({ timeout: 0, maxDuration: { duration: 0, grpcTimeoutMax: 0, grpcTimeoutOffset: 0 }, messageLimits });
    return snapshot(listenerConfig(), routeTable([routeConfig(action)]), [[clusterConfig({ http2: HTTP2 }), [port]]]);
  }

  /** Resolves when both proxies have seen that many requests end. */
  async function bothEnded(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      onEnded = () => { if (ended.every((list) => list.length >= count)) resolve(); };
      onEnded();
    });
  }

  const unary = (message: Buffer, options: grpc.CallOptions = {}): Promise<Buffer> => new Promise((resolve, reject) => {
    client.makeUnaryRequest(SERVICE.unary.path, bytes.requestSerialize, bytes.responseDeserialize, message, new grpc.Metadata(), options,
      (error, answer) => (error ? reject(error) : resolve(answer!)));
  });
  const bidi = (options: grpc.CallOptions = {}) =>
    client.makeBidiStreamRequest(SERVICE.both.path, bytes.requestSerialize, bytes.responseDeserialize, options);
  const statusOf = async (call: { once(event: string, listener: (status: grpc.StatusObject) => void): unknown }): Promise<grpc.StatusObject> =>
    new Promise((resolve) => call.once('status', resolve));

  test('unary, also with a message larger than every window', async () => {
    expect((await unary(Buffer.from('hello'))).toString()).toBe('hello');
    const large = Buffer.alloc(5_000_000, 'abcdefg');
    expect((await unary(large)).equals(large)).toBe(true);
    await bothEnded(2);
    expect(ended.flat()).toEqual(new Array(4).fill({ status: 200, grpc: 0, flag: undefined, protocol: 'HTTP/2' }));
  });

  test('many messages up, one back', async () => {
    const answer = new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest(SERVICE.up.path, bytes.requestSerialize, bytes.responseDeserialize,
        (error, value) => (error ? reject(error) : resolve(value!)));
      for (let i = 0; i < 200; i++) call.write(Buffer.alloc(10_000));
      call.end();
    });
    expect((await answer).toString()).toBe('2000000');
  });

  test('one up, many back, in order', async () => {
    const call = client.makeServerStreamRequest(SERVICE.down.path, bytes.requestSerialize, bytes.responseDeserialize, Buffer.from('abcdefgh'));
    let got = '';
    call.on('data', (message: Buffer) => { got += message.toString(); });
    expect(await statusOf(call)).toMatchObject({ code: grpc.status.OK });
    expect(got).toBe('abcdefgh');
  });

  test('both ways at once; the client ends its half first, and still hears the rest', async () => {
    handlers.both = (call) => {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => {
        call.write(Buffer.from('after the end'));
        call.end();
      });
    };
    const call = bidi();
    const got: string[] = [];
    for (const word of ['one', 'two', 'three']) {
      call.write(Buffer.from(word));
      const [message] = await once(call, 'data') as [Buffer];
      got.push(message.toString());
    }
    call.on('data', (message: Buffer) => got.push(message.toString()));
    call.end();
    expect(await statusOf(call)).toMatchObject({ code: grpc.status.OK });
    expect(got).toEqual(['one', 'two', 'three', 'after the end']);
  });

  test('a receiver that stands still holds the sender back', async () => {
    const total = 20_000_000, piece = Buffer.alloc(50_000);
    let sent = 0;
    let full!: () => void;
    const isFull = new Promise<void>((resolve) => { full = resolve; });
    handlers.down = (call) => {
      const more = (): void => {
        while (sent < total) {
          sent += piece.length;
          if (call.write(piece)) continue;
          call.once('drain', more);
          full();
          return;
        }
        call.end();
      };
      more();
    };
    const call = client.makeServerStreamRequest(SERVICE.down.path, bytes.requestSerialize, bytes.responseDeserialize, Buffer.from('x'));
    await isFull;
    const buffered = proxies.map((proxy) => [...proxy.listeners.values()].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0));
    for (const size of buffered) expect(size).toBeLessThan(2 * 1024 * 1024);
    let got = 0;
    call.on('data', (message: Buffer) => { got += message.length; });
    expect(await statusOf(call)).toMatchObject({ code: grpc.status.OK });
    expect(got).toBe(total);
  });

  test('a client that cancels: the server hears it', async () => {
    const cancelled = new Promise<void>((resolve) => {
      handlers.both = (call) => {
        call.on('cancelled', resolve);
        call.write(Buffer.from('begun'));
      };
    });
    const call = bidi();
    call.on('error', () => undefined);
    await once(call, 'data');
    call.cancel();
    await cancelled;
    await bothEnded(1);
    expect(ended.map(([{ flag }]) => flag)).toEqual(['DC', 'DC']);
  });

  test('a server that ends early, without reading the rest', async () => {
    handlers.up = (_call, answer) => answer({ code: grpc.status.INVALID_ARGUMENT, details: 'enough — 100 %' });
    const error = await new Promise<grpc.ServiceError>((resolve) => {
      const call = client.makeClientStreamRequest(SERVICE.up.path, bytes.requestSerialize, bytes.responseDeserialize, (failure) => resolve(failure!));
      call.write(Buffer.alloc(100_000));
    });
    expect(error).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: 'enough — 100 %' });
    await bothEnded(1);
    expect(ended.map(([{ grpc: status }]) => status)).toEqual([3, 3]);
  });

  test('a server that is gone breaks its stream off, and is UNAVAILABLE then', async () => {
    handlers.both = (call) => call.write(Buffer.from('begun'));
    const call = bidi();
    const failed = once(call, 'error') as Promise<[grpc.ServiceError]>;
    await once(call, 'data');
    server.forceShutdown();
    expect((await failed)[0]).toMatchObject({ code: grpc.status.UNAVAILABLE, details: 'payment broke off its answer' });
    await expect(unary(Buffer.from('again'))).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE, details: 'No connection to payment could be made' });
  });

  describe('messages up to 1000 bytes', () => {
    // The callee's proxy is the first.
    beforeEach(async () => proxies[0].apply(configuration(serverPort, { request: 1000, response: 1000 })));

    test('one that is as long goes, a longer one does not: RESOURCE_EXHAUSTED, and the server sees nothing of it', async () => {
      expect(await unary(Buffer.alloc(1000))).toHaveLength(1000);
      const served = jest.fn();
      handlers.unary = served;
      await expect(unary(Buffer.alloc(1001))).rejects.toMatchObject({
        code: grpc.status.RESOURCE_EXHAUSTED, details: 'A message of the call with payment is longer than is allowed',
      });
      await bothEnded(2);
      expect(served).not.toHaveBeenCalled();
      expect(ended[1][1]).toMatchObject({ grpc: 8 });
    });

    test('in the midst of a stream, of either direction', async () => {
      const up = bidi();
      let failed = once(up, 'error') as Promise<[grpc.ServiceError]>;
      up.write(Buffer.alloc(1000));
      expect((await once(up, 'data') as [Buffer])[0]).toHaveLength(1000);
      up.write(Buffer.alloc(4_000_000));
      expect((await failed)[0].code).toBe(grpc.status.RESOURCE_EXHAUSTED);

      handlers.both = (call) => {
        call.on('error', () => undefined);
        call.write(Buffer.alloc(10));
        call.write(Buffer.alloc(1001));
      };
      const down = bidi();
      failed = once(down, 'error') as Promise<[grpc.ServiceError]>;
      expect((await once(down, 'data') as [Buffer])[0]).toHaveLength(10);
      expect((await failed)[0].code).toBe(grpc.status.RESOURCE_EXHAUSTED);
      await bothEnded(2);
    });
  });

  test('a deadline in the midst of a stream is a status, too', async () => {
    handlers.both = (call) => call.write(Buffer.from('begun'));
    const call = bidi({ deadline: Date.now() + 100_000 });
    const failed = once(call, 'error') as Promise<[grpc.ServiceError]>;
    await once(call, 'data');
    clock.advance(100_000);
    expect((await failed)[0]).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
    await bothEnded(1);
    expect(ended[0]).toMatchObject([{ status: 200, grpc: 4, flag: 'DT' }]);
  });

  test('the deadline goes from hop to hop, shorter each time, and ends the call', async () => {
    const asked = new Promise<number>((resolve) => { handlers.unary = (call) => resolve(Number(call.getDeadline())); });
    const failed = unary(Buffer.from('x'), { deadline: Date.now() + 60_000 }).catch((error: grpc.ServiceError) => error);
    const left = await asked - Date.now();
    expect(left).toBeLessThanOrEqual(60_000);
    expect(left).toBeGreaterThan(30_000);
    clock.advance(60_000);
    expect(await failed).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
    await bothEnded(1);
  });
});
