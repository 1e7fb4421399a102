import { App, Chart } from 'cdk8s';
import { Bulkhead, CallRule, HttpMethod, Mesh, MeshService, ServicePort, type CallOptions, type MeshServiceProps } from 'meshwright';
import { tcpStub, TestMesh, type AnyStub, type TestMeshOptions } from 'meshwright/testing';
import { clientHello } from '../runtime/proxy/support/client-hello';

/** `web` calls a service of whose port nobody says what is spoken on it; `stranger` calls nobody. */
function program(props: Partial<MeshServiceProps> = {}, options: CallOptions = {}): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const any = new MeshService(chart, 'any', { mesh, port: ServicePort.detect(7000), image: 'shop/any:1', ...props });
  new MeshService(chart, 'web', { mesh, port: ServicePort.http(8080), image: 'shop/web:1' }).calls(any, options);
  new MeshService(chart, 'stranger', { mesh, port: ServicePort.http(8080), image: 'shop/stranger:1' });
  return chart;
}

async function within(options: TestMeshOptions & { readonly any?: AnyStub }, chart: Chart, look: (mesh: TestMesh) => Promise<void>): Promise<void> {
  const { any, ...rest } = options;
  const mesh = await TestMesh.of(chart, { addresses: '127.118.0.0/16', ...any && { services: { any } }, ...rest });
  try {
    await look(mesh);
  } finally {
    await mesh.close();
  }
}

const HTTP1 = 'GET /pay?x=1 HTTP/1.1\r\nHost: any\r\nX-Case:  Kept\r\n\r\n';
/** RFC 9113 §3.4: the preface, empty SETTINGS; and a GET of `/` of `any` by the static table (RFC 7541 Appendix A). */
const HTTP2 = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, Buffer.alloc(0)), frame(1, 5, Buffer.from([0x82, 0x86, 0x84, 0x41, 3, ...Buffer.from('any')])),
]);

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head[8] = type === 1 ? 1 : 0;
  return Buffer.concat([head, payload]);
}

const inbound = (entries: TestMesh['records']) => entries.filter(({ listener }) => listener === 'inbound');
const requests = (mesh: TestMesh) => inbound(mesh.records).map(({ method, path, status, cluster }) => `${method} ${path} ${status} ${cluster}`);

describe.each(['memory', 'sockets'] as const)('from a construct to what is detected (%s)', (network) => {
  test('HTTP/1.1 is requests to the proxy of the called', async () => {
    await within({ network, any: ({ path }) => ({ status: 201, body: path }) }, program(), async (mesh) => {
      const connection = mesh.connect('web', 'any');
      connection.send(HTTP1);
      expect(String(await mesh.wait(connection.read(12)))).toBe('HTTP/1.1 201');
      await mesh.settle();
      expect(requests(mesh)).toEqual(['GET /pay?x=1 201 inbound:7000/http']);
      expect(mesh.received('any')[0]!.headers).toMatchObject({ 'x-case': 'Kept' });
      // What is no valid request after all is no other bytes.
      connection.send('GET / HTTP/1.1\r\nHost: any\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n');
      expect(String(await mesh.wait(connection.readAll()))).toContain('HTTP/1.1 400 ');
      expect(mesh.received('any')).toHaveLength(1);
    });
  });

  test('HTTP/2 by its preface, in whatever pieces', async () => {
    await within({ network, any: ({ path }) => ({ status: 204, body: path }) }, program(), async (mesh) => {
      const connection = mesh.connect('web', 'any');
      for (const byte of HTTP2.subarray(0, 30)) {
        connection.send(Buffer.from([byte]));
        await mesh.settle();
      }
      connection.send(HTTP2.subarray(30));
      await mesh.wait(connection.read(60));
      await mesh.settle();
      expect(requests(mesh)).toEqual(['GET / 204 inbound:7000/http2']);
      expect(mesh.received('any')).toHaveLength(1);
    });
  });

  test('TLS of the application passes as it is, also where its ALPN names HTTP', async () => {
    const got: Buffer[] = [];
    const any = tcpStub({
      data: (connection, bytes) => {
        got.push(Buffer.from(bytes));
        connection.send('ServerHello');
      },
    });
    await within({ network, any }, program(), async (mesh) => {
      const hello = await clientHello({ servername: 'any.example', ALPNProtocols: ['h2', 'http/1.1'] });
      const connection = mesh.connect('web', 'any');
      connection.send(hello);
      expect(String(await mesh.wait(connection.read(11)))).toBe('ServerHello');
      expect(Buffer.concat(got)).toEqual(hello);
      connection.end();
      await mesh.settle();
      expect(mesh.records).toEqual([]);
    });
  });

  test('a server that speaks first is heard after a second', async () => {
    await within({ network, any: tcpStub({ connected: (connection) => connection.send('220 ready\r\n') }) }, program(), async (mesh) => {
      const connection = mesh.connect('web', 'any');
      await mesh.advance(999);
      expect(String(connection.received)).toBe('');
      await mesh.advance(1);
      expect(String(await mesh.wait(connection.read(11)))).toBe('220 ready\r\n');
      expect(mesh.records).toEqual([]);
    });
  });
});

test('bytes that are none of these, and HTTP/1.0, pass at once and unchanged', async () => {
  await within({}, program(), async (mesh) => {
    for (const bytes of ['\0\x01\x02binary', 'GET / HTTP/1.0\r\n\r\n', 'OPTIONS rtsp://any/ RTSP/1.0\r\n\r\n']) {
      const connection = mesh.connect('web', 'any');
      connection.send(bytes);
      expect(String(await mesh.wait(connection.read(bytes.length)))).toBe(bytes);
      connection.end();
      await mesh.wait(connection.readAll());
    }
    expect(mesh.records).toEqual([]);
    expect(inbound(mesh.connections)).toHaveLength(3);
  });
});

test('who declares no call is denied, by 403 where it is HTTP, by the end of the connection where it is not', async () => {
  await within({}, program(), async (mesh) => {
    expect(await mesh.wait(mesh.sendTo('any', '/', { as: 'stranger' }))).toMatchObject({ status: 403 });
    expect(await mesh.wait(mesh.sendTo('any', '/', { as: 'stranger', protocol: 'http2' }))).toMatchObject({ status: 403 });
    const connection = mesh.connectTo('any', { as: 'stranger' });
    connection.send('\0bytes');
    await expect(mesh.wait(connection.read(1))).rejects.toThrow('the connection ended');
  });
});

test('a caller that may ask for some things only is judged by what it asks for, and sends nothing that cannot be judged', async () => {
  const chart = program({}, { allow: [CallRule.http({ methods: [HttpMethod.GET] })] });
  await within({ any: () => ({ status: 200 }) }, chart, async (mesh) => {
    expect(await mesh.wait(mesh.sendTo('any', '/', { as: 'web' }))).toMatchObject({ status: 200 });
    expect(await mesh.wait(mesh.sendTo('any', '/', { as: 'web', method: 'POST' }))).toMatchObject({ status: 403 });
    const connection = mesh.connect('web', 'any');
    connection.send('POST / HTTP/1.0\r\n\r\n');
    await expect(mesh.wait(connection.read(1))).rejects.toThrow('the connection ended');
    expect(mesh.received('any')).toHaveLength(1);
  });
});

test('policies of connections hold', async () => {
  await within({}, program({ bulkhead: Bulkhead.connections(1) }), async (mesh) => {
    const first = mesh.connect('web', 'any');
    first.send('\0');
    await mesh.wait(first.read(1));
    await expect(mesh.wait(mesh.connect('web', 'any').read(1))).rejects.toThrow('the connection ended');
  });
});
