import { App, Chart, Duration } from 'cdk8s';
import {
  CircuitBreaker, Fault, HttpMethod, Mesh, MeshService, Rate, RateLimit, Retry, RetryOn, ServicePort, Timeout, type MeshServiceProps,
} from 'meshwright';
import { GrpcCode, grpcStub, TestMesh } from 'meshwright/testing';

/** `web` calls `upstream`. */
function program(faults: Fault[], props: Partial<MeshServiceProps> = {}): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const upstream = new MeshService(chart, 'upstream', { mesh, port: ServicePort.http(8080), image: 'shop/upstream:1', faults, ...props });
  new MeshService(chart, 'web', { mesh, port: ServicePort.http(8080), image: 'shop/web:1' }).calls(upstream);
  new MeshService(chart, 'stranger', { mesh, port: ServicePort.http(8080), image: 'shop/stranger:1' });
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

const again = (attempts: number) => Retry.constant(Duration.millis(10), { attempts, on: [RetryOn.GATEWAY_ERROR], methods: [HttpMethod.GET] });

describe('faults, from a construct to a proxied request', () => {
  test('an abort answers in place of the application, at its own proxy, with its flag and metric', async () => {
    await within(program([Fault.abort(418, 100)]), async (mesh) => {
      expect(await mesh.request('web', 'http://upstream/')).toMatchObject({
        status: 418, problem: { type: 'https://meshwright.dev/problems/fault-injected', policy: 'fault' },
      });
      expect(mesh.received('upstream')).toHaveLength(0);
      expect(mesh.records.slice(-2)).toMatchObject([
        { listener: 'inbound', status: 418, flag: 'FI', detail: 'fault_filter_abort' }, { listener: 'outbound', status: 418, detail: 'via_upstream' },
      ]);
    });
  });

  test('retries see it: each try is drawn for anew, and the caller gets an answer far more often than one in two', async () => {
    await within(program([Fault.abort(503, 50)], { retry: again(5) }), async (mesh) => {
      mesh.stub('upstream', () => ({ body: 'ok' }));
      const statuses: number[] = [];
      for (let i = 0; i < 60; i++) statuses.push((await mesh.wait(mesh.request('web', 'http://upstream/'))).status);
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(50);
      const inbound = mesh.records.filter(({ listener }) => listener === 'inbound');
      const aborted = inbound.filter(({ flag }) => flag === 'FI');
      expect(aborted.length).toBeGreaterThan(20);
      expect(inbound.length - aborted.length).toBe(mesh.received('upstream').length);
      expect(mesh.records.filter(({ listener, tries }) => listener === 'outbound' && tries > 1).length).toBeGreaterThan(10);
    });
  });

  test('a breaker sees it, and a part of the requests is a part', async () => {
    const circuitBreaker = CircuitBreaker.consecutiveFailures(3, { cooldown: Duration.seconds(30) });
    await within(program([Fault.abort(503, 100)], { circuitBreaker }), async (mesh) => {
      const types: string[] = [];
      for (let i = 0; i < 4; i++) types.push((await mesh.request('web', 'http://upstream/')).problem!.type.split('/').pop()!);
      expect(types).toEqual(['fault-injected', 'fault-injected', 'fault-injected', 'circuit-open']);
    });
    await within(program([Fault.abort(500, 20)]), async (mesh) => {
      let aborted = 0;
      for (let i = 0; i < 200; i++) if ((await mesh.request('web', 'http://upstream/')).status === 500) aborted++;
      expect(aborted).toBeGreaterThan(20);
      expect(aborted).toBeLessThan(65);
    });
    await within(program([Fault.abort(500, 0), Fault.delay(Duration.minutes(1), 0)]), async (mesh) => {
      for (let i = 0; i < 20; i++) expect((await mesh.request('web', 'http://upstream/')).status).toBe(200);
    });
  });

  test.each(['http1', 'http2'] as const)('a delay lets the request wait with its body, and the caller\'s timeout runs: %s', async (protocol) => {
    await within(program([Fault.delay(Duration.seconds(2), 100)]), async (mesh) => {
      mesh.stub('upstream', ({ body }) => ({ body: String(body.length) }));
      const answer = mesh.send('web', 'http://upstream/', { protocol, method: 'POST', body: 'x'.repeat(40_000) });
      await mesh.advance(1999);
      expect(mesh.received('upstream')).toHaveLength(0);
      await mesh.advance(1);
      expect(await mesh.wait(answer)).toMatchObject({ status: 200, body: '40000' });
      expect(mesh.records.slice(-2)).toMatchObject([{ listener: 'inbound', flag: 'DI', status: 200 }, { listener: 'outbound', flag: undefined }]);
    });
    await within(program([Fault.delay(Duration.seconds(2), 100)], { timeout: Timeout.total(Duration.seconds(1)) }), async (mesh) => {
      expect(await mesh.wait(mesh.request('web', 'http://upstream/', { protocol }))).toMatchObject({ status: 504, problem: { policy: 'timeout' } });
      await mesh.advance(5000);
      // The caller's proxy gave up, so the request is dropped where it waits.
      expect(mesh.received('upstream')).toHaveLength(0);
      expect(mesh.records.find(({ listener }) => listener === 'inbound')).toMatchObject({ flag: 'DI,DC' });
    });
  });

  test('a request that was delayed may be aborted then, and both are seen', async () => {
    await within(program([Fault.abort(502, 100), Fault.delay(Duration.millis(300), 100)]), async (mesh) => {
      const answer = mesh.send('web', 'http://upstream/');
      await mesh.advance(299);
      expect(mesh.records).toHaveLength(0);
      await mesh.advance(1);
      expect(await answer).toMatchObject({ status: 502 });
      expect(mesh.records[0]).toMatchObject({ listener: 'inbound', flag: 'DI,FI' });
    });
  });

  test('a call of gRPC ends with the status of gRPC that stands for it, and its deadline passes while it waits', async () => {
    await within(program([Fault.abort(503, 100)], { port: ServicePort.grpc(9090) }), async (mesh) => {
      mesh.stub('upstream', grpcStub({ 'shop.v1.Quotes/Get': () => ({ messages: [] }) }));
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.UNAVAILABLE });
    });
    await within(program([Fault.delay(Duration.seconds(2), 100)], { port: ServicePort.grpc(9090) }), async (mesh) => {
      mesh.stub('upstream', grpcStub({ 'shop.v1.Quotes/Get': () => ({ messages: [] }) }));
      const call = mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get', { timeout: 1000 });
      expect(await mesh.wait(call)).toMatchObject({ code: GrpcCode.DEADLINE_EXCEEDED });
      expect(await mesh.wait(mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get'))).toMatchObject({ code: GrpcCode.OK });
    });
  });

  test('whoever may not ask, or asks too often, is refused without a fault', async () => {
    const rateLimits = [RateLimit.perReplica(Rate.perMinute(1))];
    await within(program([Fault.delay(Duration.hours(1), 100)], { rateLimits }), async (mesh) => {
      expect((await mesh.request('stranger', 'http://upstream/')).status).toBe(404);
      mesh.send('web', 'http://upstream/').catch(() => undefined);
      await mesh.advance(10);
      expect(await mesh.request('web', 'http://upstream/')).toMatchObject({ status: 429 });
    });
  });
});
