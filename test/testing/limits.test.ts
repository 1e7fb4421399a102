import { App, Chart, Duration, Size } from 'cdk8s';
import { HealthCheck, Mesh, MeshService, ServicePort, SizeLimits, type MeshServiceProps } from 'meshwright';
import { GrpcCode, grpcStub, tcpStub, TestMesh, type StubAnswer } from 'meshwright/testing';

/** `web` calls `upstream`, which has two pods. */
function program(port: ServicePort, props: Partial<MeshServiceProps>): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const upstream = new MeshService(chart, 'upstream', { mesh, port, image: 'shop/upstream:1', replicas: 2, ...props });
  new MeshService(chart, 'web', { mesh, port: ServicePort.http(8080), image: 'shop/web:1' }).calls(upstream);
  return chart;
}

async function within(chart: Chart, look: (mesh: TestMesh) => Promise<void>): Promise<void> {
  const mesh = await TestMesh.of(chart, {});
  try {
    await look(mesh);
  } finally {
    await mesh.close();
  }
}

describe('SizeLimits, from a construct to a proxied request', () => {
  test.each([
    ['http', ServicePort.http(8080), 'http1'], ['http', ServicePort.http(8080), 'http2'],
    ['http2', ServicePort.http2(8080), 'http1'], ['http2', ServicePort.http2(8080), 'http2'],
  ] as const)('a body above the bound is 413, one at the bound passes: %s, asked by a client of %s', async (_, port, protocol) => {
    await within(program(port, { sizeLimits: SizeLimits.of({ requestBody: Size.kibibytes(2) }) }), async (mesh) => {
      mesh.stub('upstream', ({ body }) => ({ body: String(body.length) }));
      const post = async (length: number) => mesh.request('web', 'http://upstream/', { protocol, method: 'POST', body: 'x'.repeat(length) });
      expect(await post(2048)).toMatchObject({ status: 200, body: '2048' });
      expect(await post(2049)).toMatchObject({ status: 413, problem: { type: 'https://meshwright.dev/problems/body-too-large', policy: 'size-limit' } });
      expect(mesh.received('upstream')).toHaveLength(1);
      // It was the service's own proxy.
      expect(mesh.records.slice(-2)).toMatchObject([
        { listener: 'inbound', status: 413, detail: 'request_payload_too_large' }, { listener: 'outbound', status: 413, detail: 'via_upstream' },
      ]);
    });
  });

  test('a message above the bound ends its call, in either direction', async () => {
    await within(program(ServicePort.grpc(9090), { sizeLimits: SizeLimits.of({ grpcMessage: Size.kibibytes(1) }) }), async (mesh) => {
      mesh.stub('upstream', grpcStub({
        'shop.v1.Quotes/Echo': ({ messages }) => ({ messages }),
        'shop.v1.Quotes/Long': () => ({ messages: [Buffer.alloc(1025)] }),
      }));
      const echo = async (...lengths: number[]) => mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Echo', { messages: lengths.map((length) => Buffer.alloc(length)) });
      // Its messages are bounded, not the call.
      expect(await echo(1024, 1024, 1024)).toMatchObject({ code: GrpcCode.OK });
      expect(await echo(10, 1025)).toMatchObject({ code: GrpcCode.RESOURCE_EXHAUSTED });
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Long')).toMatchObject({ code: GrpcCode.RESOURCE_EXHAUSTED });
    });
  });
});

const fast = { interval: Duration.seconds(1), timeout: Duration.millis(500), unhealthyThreshold: 1, healthyThreshold: 1 };
/** `grpc.health.v1.HealthCheckResponse` with SERVING and with NOT_SERVING. */
const SERVING = Buffer.from([8, 1]), NOT_SERVING = Buffer.from([8, 2]);

describe('HealthCheck, from a construct to where a request goes', () => {
  test.each([['http', ServicePort.http(8080)], ['http2', ServicePort.http2(8080)]] as const)('by HTTP: %s', async (_, port) => {
    await within(program(port, { healthCheck: HealthCheck.http('/healthz?full', fast) }), async (mesh) => {
      const sick = new Set<string>();
      mesh.stub('upstream', ({ path, pod }): StubAnswer => path === '/healthz?full' ? { status: sick.has(pod) ? 503 : 200 } : { body: pod });
      const [one, two] = mesh.pods('upstream').map(({ name }) => name);
      const served = async () => {
        const pods = new Set<string>();
        for (let i = 0; i < 12; i++) pods.add((await mesh.request('web', 'http://upstream/')).body);
        return [...pods].sort();
      };
      await mesh.advance(3000);
      expect(await served()).toEqual([one, two]);
      sick.add(one);
      await mesh.advance(3000);
      expect(await served()).toEqual([two]);
      sick.clear();
      await mesh.advance(3000);
      expect(await served()).toEqual([one, two]);
      sick.add(one).add(two);
      await mesh.advance(3000);
      expect(await mesh.request('web', 'http://upstream/')).toMatchObject({ status: 503, problem: { type: 'https://meshwright.dev/problems/no-healthy-endpoint' } });
    });
  });

  test('by gRPC', async () => {
    await within(program(ServicePort.grpc(9090), { healthCheck: HealthCheck.grpc('shop.v1.Quotes', fast) }), async (mesh) => {
      let state = SERVING;
      const asked: string[] = [];
      mesh.stub('upstream', grpcStub({
        'grpc.health.v1.Health/Check': ({ messages }) => {
          asked.push(messages[0].subarray(2).toString());
          return { messages: [state] };
        },
        'shop.v1.Quotes/Get': () => ({ messages: [] }),
      }));
      await mesh.advance(3000);
      expect(new Set(asked)).toEqual(new Set(['shop.v1.Quotes']));
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.OK });
      state = NOT_SERVING;
      await mesh.advance(3000);
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.UNAVAILABLE });
      state = SERVING;
      await mesh.advance(3000);
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.OK });
    });
  });

  test('by a connection: an endpoint that Kubernetes still has, and nobody reaches', async () => {
    await within(program(ServicePort.tcp(5432), { healthCheck: HealthCheck.tcp(fast) }), async (mesh) => {
      mesh.stub('upstream', tcpStub({ connected: (connection) => connection.send('hello') }));
      const served = async () => {
        const greetings: string[] = [];
        for (let i = 0; i < 6; i++) greetings.push(String(await mesh.wait(mesh.connect('web', 'upstream').read(5))));
        return greetings.filter((greeting) => greeting === 'hello').length;
      };
      await mesh.advance(3000);
      expect(await served()).toBe(6);
      await mesh.stopPod(mesh.pods('upstream')[0].name);
      await mesh.advance(3000);
      expect(await served()).toBe(6);
    });
  });
});
