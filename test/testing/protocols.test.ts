import { App, Chart, Duration } from 'cdk8s';
import {
  Bulkhead, CircuitBreaker, GrpcRoute, GrpcRule, HttpMethod, HttpRoute, HttpRule, Mesh, MeshService, OutlierDetection, Retry, RetryOn, ServicePort,
  StringMatch, Timeout, Weighted, type MeshServiceProps,
} from 'meshwright';
import { GrpcCode, grpcStub, tcpStub, TestMesh, type TestMeshOptions } from 'meshwright/testing';

/** `web` calls one service of each protocol. */
function program(port: ServicePort, props: Partial<MeshServiceProps> = {}, more: (chart: Chart, upstream: MeshService) => void = () => {}): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const upstream = new MeshService(chart, 'upstream', { mesh, port, image: 'shop/upstream:1', replicas: 2, ...props });
  new MeshService(chart, 'web', { mesh, port: ServicePort.http(8080), image: 'shop/web:1' }).calls(upstream);
  more(chart, upstream);
  return chart;
}

async function within(options: TestMeshOptions, chart: Chart, look: (mesh: TestMesh) => Promise<void>): Promise<void> {
  const mesh = await TestMesh.of(chart, { addresses: '127.103.0.0/16', ...options });
  try {
    await look(mesh);
  } finally {
    await mesh.close();
  }
}

const networks = ['memory', 'sockets'] as const;

describe.each(networks)('from a construct to a proxied request (%s)', (network) => {
  test.each([
    ['http', ServicePort.http(8080), 'http1'], ['http', ServicePort.http(8080), 'http2'],
    ['http2', ServicePort.http2(8080), 'http1'], ['http2', ServicePort.http2(8080), 'http2'],
  ] as const)('%s, asked by a client of %s', async (_, port, protocol) => {
    await within({ network }, program(port), async (mesh) => {
      mesh.stub('upstream', ({ method, path, body }) => ({ status: 201, body: { method, path, body }, trailers: { 'x-sum': '7' } }));
      const answer = await mesh.request('web', 'http://upstream/pay?x=1', { protocol, method: 'POST', body: 'money' });
      expect(answer).toMatchObject({ status: 201, trailers: { 'x-sum': '7' } });
      expect(answer.json()).toEqual({ method: 'POST', path: '/pay?x=1', body: 'money' });
      expect(mesh.records.map(({ listener, status }) => `${listener} ${status}`)).toEqual(['inbound 201', 'outbound 201']);
    });
  });

  test('gRPC: messages, metadata, a status in trailers; a method that nobody has', async () => {
    await within({ network }, program(ServicePort.grpc(9090)), async (mesh) => {
      mesh.stub('upstream', grpcStub({
        'shop.v1.Quotes/Get': ({ messages, headers }) => ({ messages: [...messages, Buffer.from(headers['x-user']!)], trailers: { 'x-cost': '3' } }),
        'shop.v1.Quotes/Fail': () => ({ code: GrpcCode.FAILED_PRECONDITION, message: 'not today' }),
      }));
      const got = await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get', { messages: [Buffer.from('a'), Buffer.from('b')], metadata: { 'x-user': 'u' } });
      expect(got).toMatchObject({ code: GrpcCode.OK, metadata: { 'x-cost': '3' } });
      expect(got.messages.map(String)).toEqual(['a', 'b', 'u']);
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Fail')).toMatchObject({ code: GrpcCode.FAILED_PRECONDITION, message: 'not today' });
      expect(await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Put')).toMatchObject({ code: GrpcCode.UNIMPLEMENTED });
    });
  });

  test('bytes: both ways, half-closed, at the port of the loopback', async () => {
    await within({ network }, program(ServicePort.tcp(5432)), async (mesh) => {
      mesh.stub('upstream', tcpStub({
        connected: (connection) => connection.send('hello '),
        ended: (connection) => {
          connection.send(`${connection.received.length} bytes`);
          connection.end();
        },
      }));
      const connection = mesh.connect('web', 'upstream');
      expect(String(await mesh.wait(connection.read(6)))).toBe('hello ');
      connection.send(Buffer.alloc(100_000));
      connection.end();
      expect(String(await mesh.wait(connection.readAll()))).toBe('hello 100000 bytes');
      expect(() => mesh.connect('web', 'payment')).toThrow('web calls no service of bytes payment; it calls upstream.shop:5432');
    });
  });
});

test('GrpcRoute: a canary of one method, the rest of a service elsewhere, a call that no rule matches', async () => {
  const chart = program(ServicePort.grpc(9090), {}, (scope, upstream) => {
    const v2 = upstream.addVersion('v2', { image: 'shop/upstream:2' });
    new GrpcRoute(scope, 'route', {
      service: upstream,
      rules: [
        GrpcRule.forward(upstream, { matches: [{ service: StringMatch.exact('shop.v1.Quotes') }] }),
        GrpcRule.canary(v2, 100, { matches: [{ service: StringMatch.exact('shop.v1.Quotes'), method: StringMatch.exact('Get') }] }),
        GrpcRule.forward(v2, { matches: [{ headers: { 'x-tier': StringMatch.exact('gold') } }] }),
      ],
    });
  });
  await within({}, chart, async (mesh) => {
    const version = async (path: string, metadata = {}) => {
      const { code, messages } = await mesh.grpc('web', `http://upstream/${path}`, { metadata });
      return code === GrpcCode.OK ? JSON.parse(String(messages[0])).version as string : GrpcCode[code];
    };
    expect(await version('shop.v1.Quotes/Get')).toBe('v2');
    expect(await version('shop.v1.Quotes/List')).toBe('base');
    expect(await version('shop.v1.Orders/Get', { 'x-tier': 'gold' })).toBe('v2');
    expect(mesh.received('upstream')).toHaveLength(3);
    await mesh.grpc('web', 'http://upstream/shop.v1.Orders/Get');
    expect(mesh.received('upstream')).toHaveLength(3);
  });
});

test('GrpcRoute: shares of calls, within 5 standard deviations of 1,000, and nothing to a share of 0', async () => {
  const chart = program(ServicePort.grpc(9090), {}, (scope, upstream) => {
    const [v2, v3] = ['v2', 'v3'].map((version) => upstream.addVersion(version, { image: `shop/upstream:${version}` }));
    new GrpcRoute(scope, 'route', { service: upstream, rules: [GrpcRule.split([Weighted.of(upstream, 70), Weighted.of(v2!, 30), Weighted.of(v3!, 0)])] });
  });
  await within({}, chart, async (mesh) => {
    const versions = new Map<string, number>();
    for (let call = 0; call < 1000; call++) {
      const { code, messages } = await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get');
      expect(code).toBe(GrpcCode.OK);
      const { version } = JSON.parse(String(messages[0])) as { version: string };
      versions.set(version, (versions.get(version) ?? 0) + 1);
    }
    expect([...versions.keys()].sort()).toEqual(['base', 'v2']);
    expect(Math.abs(versions.get('base')! - 700)).toBeLessThan(5 * Math.sqrt(1000 * 0.7 * 0.3));
    // Through both sidecars, each.
    expect(mesh.records.filter(({ listener, status }) => listener === 'inbound' && status === 200)).toHaveLength(1000);
    expect(mesh.records.filter(({ listener, status }) => listener === 'outbound' && status === 200)).toHaveLength(1000);
  });
});

describe('retries of gRPC', () => {
  const GET = 'shop.v1.Quotes/Get';
  const retry = (on: RetryOn) => ({
    idempotentMethods: [HttpMethod.POST],
    retry: Retry.constant(Duration.millis(100), { attempts: 2, on: [on], methods: [HttpMethod.POST] }),
    replicas: 1,
  });

  test.each([
    [RetryOn.GRPC_CANCELLED, GrpcCode.CANCELLED], [RetryOn.GRPC_DEADLINE_EXCEEDED, GrpcCode.DEADLINE_EXCEEDED],
    [RetryOn.GRPC_INTERNAL, GrpcCode.INTERNAL], [RetryOn.GRPC_RESOURCE_EXHAUSTED, GrpcCode.RESOURCE_EXHAUSTED],
    [RetryOn.GRPC_UNAVAILABLE, GrpcCode.UNAVAILABLE],
  ])('%s: that status alone, with no message before it', async (on, code) => {
    await within({}, program(ServicePort.grpc(9090), retry(on)), async (mesh) => {
      const statuses = [code, GrpcCode.OK, GrpcCode.NOT_FOUND, GrpcCode.OK, code];
      // With a message before the last one.
      const stub = grpcStub({ [GET]: ({ messages }) => ({ code: statuses.shift()!, messages: statuses.length === 0 ? messages : [] }) });
      mesh.stub('upstream', stub);
      const call = async () => GrpcCode[(await mesh.grpc('web', `http://upstream/${GET}`, { messages: [Buffer.from('a')] })).code];
      expect([await call(), mesh.received('upstream').length]).toEqual(['OK', 2]);
      expect([await call(), mesh.received('upstream').length]).toEqual(['NOT_FOUND', 3]);
      expect([await call(), mesh.received('upstream').length]).toEqual(['OK', 4]);
      // Behind a message nothing is tried again.
      expect([await call(), mesh.received('upstream').length]).toEqual([GrpcCode[code], 5]);
    });
  });

  test('grpc-timeout is what is left, through two proxies, at every try, and ends the call', async () => {
    await within({}, program(ServicePort.grpc(9090), retry(RetryOn.GRPC_UNAVAILABLE)), async (mesh) => {
      mesh.stub('upstream', grpcStub({ [GET]: () => ({ code: GrpcCode.UNAVAILABLE, delay: 300 }) }));
      const { code, elapsed } = await mesh.grpc('web', `http://upstream/${GET}`, { timeout: 1000 });
      expect([GrpcCode[code], elapsed]).toEqual(['DEADLINE_EXCEEDED', 1000]);
      const left = mesh.received('upstream').map(({ headers }) => Number(/^(\d+)m$/.exec(headers['grpc-timeout']!)![1]));
      // 300 ms for each try, and 100 from one to the next.
      expect(left).toEqual([1000, 600, 200]);
    });
  });
});

test('HttpRoute is for gRPC services too', async () => {
  const chart = program(ServicePort.grpc(9090), {}, (scope, upstream) => {
    const v2 = upstream.addVersion('v2', { image: 'shop/upstream:2' });
    new HttpRoute(scope, 'route', { service: upstream, rules: [HttpRule.forward(v2, { matches: [{ path: StringMatch.prefix('/shop.v1.Quotes') }] })] });
  });
  await within({}, chart, async (mesh) => {
    const { messages } = await mesh.grpc('web', 'http://upstream/shop.v1.Quotes/Get');
    expect(JSON.parse(String(messages[0]))).toMatchObject({ version: 'v2' });
  });
});

describe('a connection that is as old as it may become', () => {
  const timeout = Timeout.connection({ maxDuration: Duration.seconds(60) });

  test.each([['http', ServicePort.http(8080)], ['http2', ServicePort.http2(8080)]] as const)('%s: takes no more requests, and ends those that it carries', async (_, port) => {
    await within({}, program(port, { timeout, replicas: 1 }), async (mesh) => {
      const made: number[] = [];
      const ask = async (delay = 0) => {
        mesh.stub('upstream', () => ({ delay }));
        expect(await mesh.request('web', 'http://upstream/')).toMatchObject({ status: 200 });
        made.push(mesh.connectionsMade('web', 'upstream'));
      };
      await ask();
      await mesh.advance(50_000);
      // Under way while its connection passes its age.
      await ask(20_000);
      await ask();
      await mesh.advance(55_000);
      await ask();
      await mesh.advance(10_000);
      await ask();
      expect(made.map((count) => count - made[0]!)).toEqual([0, 0, 1, 1, 2]);
    });
  });

  test('tcp: is closed', async () => {
    await within({}, program(ServicePort.tcp(5432), { timeout, replicas: 1 }), async (mesh) => {
      const connection = mesh.connect('web', 'upstream');
      for (let second = 0; second < 59; second++) {
        connection.send('a');
        await mesh.wait(connection.read(second + 1));
        await mesh.advance(1000);
      }
      expect([connection.ended, connection.broken]).toEqual([false, undefined]);
      await mesh.advance(1000);
      expect(connection.ended || connection.broken !== undefined).toBe(true);
    });
  });
});

describe('policies of connections', () => {
  const port = ServicePort.tcp(5432);

  test('an idle connection ends at its time', async () => {
    await within({}, program(port, { timeout: Timeout.connection({ idle: Duration.minutes(10) }) }), async (mesh) => {
      const connection = mesh.connect('web', 'upstream');
      connection.send('a');
      await mesh.wait(connection.read(1));
      await mesh.advance(599_000);
      expect([connection.ended, connection.broken]).toEqual([false, undefined]);
      await mesh.advance(2000);
      expect(connection.ended || connection.broken !== undefined).toBe(true);
    });
  });

  test('more connections than the bulkhead has are closed at once; a place that is free is taken', async () => {
    await within({}, program(port, { bulkhead: Bulkhead.connections(1) }), async (mesh) => {
      const first = mesh.connect('web', 'upstream');
      first.send('a');
      await mesh.wait(first.read(1));
      await expect(mesh.wait(mesh.connect('web', 'upstream').read(1))).rejects.toThrow('the connection ended');
      first.end();
      await mesh.wait(first.readAll());
      const third = mesh.connect('web', 'upstream');
      third.send('c');
      expect(String(await mesh.wait(third.read(1)))).toBe('c');
    });
  });

  test('an endpoint that takes no connection is ejected; the breaker opens when none does', async () => {
    const chart = program(port, {
      outlierDetection: OutlierDetection.consecutiveServerErrors(1, { baseEjectionDuration: Duration.minutes(1), maxEjectionPercent: 50 }),
      circuitBreaker: CircuitBreaker.consecutiveFailures(3, { cooldown: Duration.seconds(30) }),
    });
    await within({}, chart, async (mesh) => {
      const [one, other] = mesh.pods('upstream');
      await mesh.stopPod(one!.name);
      const served = async (): Promise<boolean> => {
        const connection = mesh.connect('web', 'upstream');
        connection.send('a');
        return mesh.wait(connection.read(1)).then(() => true, () => false);
      };
      const results: boolean[] = [];
      for (let i = 0; i < 10; i++) results.push(await served());
      expect(results.filter((ok) => !ok).length).toBeLessThan(2);
      await mesh.stopPod(other!.name);
      for (let i = 0; i < 4; i++) expect(await served()).toBe(false);
      expect(mesh.breaker('web', 'upstream')).toBe('open');
    });
  });
});
