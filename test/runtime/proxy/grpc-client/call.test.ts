import { randomBytes } from 'node:crypto';
import {
  Server, ServerCredentials, status, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, type ServiceDefinition,
} from '@grpc/grpc-js';
import { systemClock } from '../../../../runtime/clock';
import { controlPlaneTls, GrpcCall, type GrpcCallOptions, type GrpcClientDeps } from '../../../../runtime/proxy/grpc-client';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { Authority, type Identity } from '../support/pki';

// The server is grpc-js, and none of our code.
const same = (b: Buffer): Buffer => b;
const bytes = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const service: ServiceDefinition = {
  echo: { path: '/test.Test/Echo', requestStream: true, responseStream: true, ...bytes },
  ask: { path: '/test.Test/Ask', requestStream: false, responseStream: false, ...bytes },
};

const IDENTITY = 'spiffe://mesh.test/ns/mesh/sa/control-plane';
let authority: Authority;
let server: Identity;
let proxy: Identity;
beforeAll(async () => {
  authority = await Authority.create('Mesh');
  server = await authority.issue({ uris: [IDENTITY] });
  proxy = await authority.issue({ uris: ['spiffe://mesh.test/ns/shop/sa/order'] });
});

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((one) => one.forceShutdown()));

async function serve(credentials = ServerCredentials.createInsecure(), host = '127.0.0.1', wanted = 0): Promise<number> {
  const started = new Server({ 'grpc.max_receive_message_length': -1 });
  servers.push(started);
  started.addService(service, {
    echo: (stream: ServerDuplexStream<Buffer, Buffer>) => {
      stream.on('data', (message: Buffer) => stream.write(message));
      stream.on('end', () => stream.end());
      stream.on('error', () => undefined);
    },
    ask: (asked: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      const wants = asked.request.toString();
      if (wants === 'who') callback(null, Buffer.from(`${asked.metadata.get('authorization').join()} at ${asked.getHost()}`));
      else callback({ code: status.PERMISSION_DENIED, details: 'no – 100 % no' });
    },
  });
  return new Promise((resolve, reject) => started.bindAsync(`${host}:${wanted}`, credentials, (error, port) => (error ? reject(error) : resolve(port))));
}

const raw = createRawTransport();
const deps: GrpcClientDeps = { transport: raw, clock: systemClock, random: () => 0, resolve: async () => ['127.0.0.1'] };
const options = (port: number, more: Partial<GrpcCallOptions> = {}): GrpcCallOptions => (
  { target: { host: '127.0.0.1', port }, path: '/test.Test/Ask', connectTimeout: 5_000, maxMessage: 64, ...more });

/** What came of a call with these messages. */
async function call(
  more: GrpcCallOptions, messages: readonly (string | Buffer)[], by = deps,
): Promise<{ answers: Buffer[]; code: number; text: string }> {
  const answers: Buffer[] = [];
  return new Promise((resolve) => {
    const made = new GrpcCall(by, more, {
      message: (message) => {
        answers.push(message);
        if (answers.length === messages.length) made.endRequest();
      },
      ended: (code, text) => resolve({ answers, code, text }),
    });
    for (const message of messages) made.send(Buffer.from(message as Buffer));
    if (more.path.endsWith('Ask')) made.endRequest();
  });
}

describe('a call', () => {
  test('has an answer, and says who asks and whom', async () => {
    const port = await serve();
    const { answers, code } = await call(options(port, { authority: 'control-plane.mesh', metadata: [['authorization', 'Bearer token']] }), ['who']);
    expect([code, answers.map(String)]).toEqual([0, ['Bearer token at control-plane.mesh']]);
  });

  test('ends with the status of the server and its text, be it in the only head that there is', async () => {
    expect(await call(options(await serve()), ['secret'])).toEqual({ answers: [], code: status.PERMISSION_DENIED, text: 'no – 100 % no' });
    expect(await call(options(await serve(), { path: '/test.Test/NoneAsk' }), ['x'])).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  test('brings messages of any length in order, beyond every window, both ways', async () => {
    const messages = [0, 1, 16_384, 65_535, 70_000, 3_000_000, 5, 1_100_000].map((length) => randomBytes(length));
    const port = await serve();
    for (const transport of [raw, createPortableTransport()]) {
      const { answers, code } = await call(options(port, { path: '/test.Test/Echo', maxMessage: Infinity }), messages, { ...deps, transport });
      expect(code).toBe(0);
      expect(answers.map(({ length }) => length)).toEqual(messages.map(({ length }) => length));
      expect(Buffer.concat(answers).equals(Buffer.concat(messages))).toBe(true);
    }
  });

  test('ends where a message is longer than is taken', async () => {
    expect(await call(options(await serve(), { path: '/test.Test/Echo' }), [randomBytes(65), 'x'])).toEqual(
      { answers: [], code: status.INTERNAL, text: 'a message has 65 bytes; the limit is 64' });
  });

  test('goes to the first address of a name that takes it', async () => {
    const port = await serve(undefined, '127.0.0.3');
    const resolve = async (name: string) => (name === 'control-plane' ? ['127.0.0.2', '127.0.0.3'] : []);
    const { answers } = await call(options(port, { target: { host: 'control-plane', port } }), ['who'], { ...deps, random: () => 0.99, resolve });
    expect(answers.map(String)).toEqual([` at control-plane:${port}`]);
  });

  test('says so where a name has no address', async () => {
    const resolve = async () => { throw new Error('getaddrinfo ENOTFOUND nobody'); };
    expect(await call(options(1, { target: { host: 'nobody', port: 1 } }), ['who'], { ...deps, resolve })).toEqual(
      { answers: [], code: status.UNAVAILABLE, text: 'getaddrinfo ENOTFOUND nobody' });
  });

  test('that is cancelled leaves no connection and is told nothing', async () => {
    let ended = 0;
    const port = await serve();
    const [server_] = servers;
    const made = new GrpcCall(deps, options(port, { path: '/test.Test/Echo' }), {
      message: () => {
        made.cancel();
      },
      ended: () => { ended++; },
    });
    made.send(Buffer.from('x'));
    // Resolves when every connection has ended.
    await new Promise<void>((resolve) => { made.send(Buffer.from('y')); server_.tryShutdown(() => resolve()); });
    expect(ended).toBe(0);
  });
});

describe('a call over TLS', () => {
  const secure = (own?: Identity, identity = IDENTITY) => ({
    tls: async () => {
      const shown = own && { certificateChain: own.chain, privateKey: own.key };
      return controlPlaneTls('127.0.0.1', { roots: authority.bundle, identity }, systemClock, shown);
    },
  });
  const mutual = () => ServerCredentials.createSsl(
    Buffer.from(authority.bundle), [{ cert_chain: Buffer.from(server.chain), private_key: Buffer.from(server.key) }], true);

  test('goes to the control plane, with the certificate of the proxy', async () => {
    const port = await serve(mutual());
    for (const transport of [raw, createPortableTransport()]) {
      const { answers } = await call(options(port, secure(proxy)), ['who'], { ...deps, transport });
      expect(answers.map(String)).toEqual([` at 127.0.0.1:${port}`]);
    }
  });

  test('goes to nobody else', async () => {
    const { code, text } = await call(options(await serve(mutual()), secure(proxy, 'spiffe://mesh.test/ns/mesh/sa/other')), ['who']);
    expect(code).toBe(status.UNAVAILABLE);
    expect(text).toContain(IDENTITY);
    expect(text).toContain('spiffe://mesh.test/ns/mesh/sa/other');
  });

  test('without a certificate ends where one is asked for', async () => {
    expect(await call(options(await serve(mutual()), secure()), ['who'])).toMatchObject({ answers: [], code: status.UNAVAILABLE });
  });

  test('ends where the roots are others', async () => {
    const other = await Authority.create('Other');
    const port = await serve(mutual());
    const tls = async () => controlPlaneTls('127.0.0.1', { roots: other.bundle, identity: IDENTITY }, systemClock);
    expect(await call(options(port, { tls }), ['who'])).toMatchObject({ answers: [], code: status.UNAVAILABLE });
  });
});
