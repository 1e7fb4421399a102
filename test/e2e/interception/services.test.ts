import { mesh as meshDocument, meshService, service, slice, type Manifest } from '../../runtime/control-plane/support/documents';
import { APP, InjectedPods } from './injected-pods';
import type { Pod } from './namespace';
import { ask, inUrl, listen, visit } from './support';

/**
 * Services with strict mutual TLS whose connections are intercepted: each pod a network namespace with what the injector writes for it, init container
 * and sidecar started with the arguments of their manifests, and its application. order calls payment, a StatefulSet of two, and db, one of bytes; each has
 * a headless Service that gives its pods their names.
 */
jest.setTimeout(120_000);

const EXCLUDED = 1001;
const PAYMENT = { v4: '10.96.0.20', v6: 'fd96::20' };

let mesh: InjectedPods;
const pods = new Map<string, Pod>();
const pod = (name: string) => pods.get(name)!;

/** Applications, and what asks whether they are well. */
const APPS: Readonly<Record<string, { readonly port: number; readonly program: string; readonly probes?: object }>> = {
  order: { port: 8080, program: 'require("net").createServer((s) => s.end("order")).listen(8080, "127.0.0.1", () => console.log("up"))' },
  payment: {
    port: 8080,
    // Health by gRPC at a port of its own; whoever asks for /break has /ready fail from then on.
    program: `
      let well = true; const name = process.argv[1];
      require('http2').createServer((q, r) => q.resume().on('end', () => {
        r.writeHead(200, { 'content-type': 'application/grpc' }); r.addTrailers({ 'grpc-status': '0' }); r.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
      })).listen(9000, '127.0.0.1');
      require('http').createServer((q, r) => {
        if (q.url === '/break') well = false;
        r.statusCode = q.url === '/ready' && (!well || q.headers['x-probe'] !== 'yes') ? 500 : 200;
        r.end(name + ' ' + q.headers.host + (q.headers['x-request-id'] ? ' proxied' : ' direct'));
      }).listen(8080, '127.0.0.1', () => console.log('up'));`,
    probes: {
      startupProbe: { httpGet: { path: '/ready', port: 8080, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] } },
      readinessProbe: { tcpSocket: { port: 8080 } },
      livenessProbe: { grpc: { port: 9000 } },
    },
  },
  db: { port: 5432, program: 'require("net").createServer((s) => s.end("bytes of " + process.argv[1])).listen(5432, "127.0.0.1", () => console.log("up"))' },
};

beforeAll(async () => {
  mesh = new InjectedPods('mwservices', 42, { excludeUids: [EXCLUDED] });
  ['order-0', 'payment-0', 'payment-1', 'db-0'].forEach((name, index) => pods.set(name, mesh.pod(name, 10 + index)));
  const headless = Object.fromEntries(['payment-0', 'payment-1'].map((name) => [`${name}.payment-pods.shop.svc`, pod(name).v4]));
  await mesh.serve(documents(), { ...headless, 'db-0.db.shop.svc': pod('db-0').v4, 'payment': PAYMENT.v4 });
  await Promise.all([...pods].map(async ([name, one]) => {
    const [of] = name.split('-');
    await mesh.start(one, name, { ...APPS[of], service: of, serviceAccount: of });
  }));
});

afterAll(async () => mesh?.close());

function documents(): Manifest[] {
  const of = (name: string, family: 'v4' | 'v6') => [...pods].filter(([key]) => key.startsWith(`${name}-`)).map(([, one]) => one[family]);
  const slices = (name: string) => [slice(name, of(name, 'v4')), { ...slice(name, of(name, 'v6'), 'v6'), addressType: 'IPv6' }];
  const addressed = (name: string, port: number, ...clusterIPs: string[]): Manifest => {
    const { spec, ...rest } = service(name, port) as { spec: object };
    return { ...rest, spec: { ...spec, clusterIPs } };
  };
  return [
    meshDocument(),
    meshService('order', ['payment', 'db']), addressed('order', 8080, '10.96.0.21'), ...slices('order'),
    meshService('payment'), addressed('payment', 8080, PAYMENT.v4, PAYMENT.v6), ...slices('payment'),
    meshService('db', [], { port: { number: 5432, protocol: 'tcp' } }), addressed('db', 5432, 'None'), ...slices('db'),
  ];
}

describe.each([['IPv4', 'v4'], ['IPv6', 'v6']] as const)('%s', (_, family) => {
  test('a call to the address of a Service is answered by a pod of it', async () => {
    expect(await ask(pod('order-0'), APP, `http://${inUrl(PAYMENT[family])}:8080/`)).toMatch(/^200 payment-[01] .*proxied$/);
  });

  test.each(['payment-0', 'payment-1'])('a call to the address of %s is answered by that pod', async (name) => {
    for (let time = 0; time < 2; time++) expect(await ask(pod('order-0'), APP, `http://${inUrl(pod(name)[family])}:8080/`)).toBe(`200 ${name} ${inUrl(pod(name)[family])}:8080 proxied`);
  });

  test('bytes to the address of a pod', async () => {
    expect(await listen(pod('order-0'), APP, pod('db-0')[family], 5432)).toBe('bytes of db-0');
  });

  test('nobody in plain text is served: from outside of the mesh, and from a pod of it past its proxy', async () => {
    for (const port of [8080, 15006]) expect(await visit(pod('payment-0')[family], port)).toBe('ECONNRESET');
    expect(await ask(pod('order-0'), EXCLUDED, `http://${inUrl(pod('payment-0')[family])}:8080/`)).toBe('ECONNRESET');
    expect(await listen(pod('order-0'), EXCLUDED, pod('db-0')[family], 5432)).not.toContain('bytes');
  });

  test('what nobody declared goes nowhere: payment does not call order, nor another pod of its own', async () => {
    expect(await listen(pod('payment-0'), APP, pod('order-0')[family], 8080)).not.toContain('order');
    expect(await ask(pod('payment-0'), APP, `http://${inUrl(pod('payment-1')[family])}:8080/`)).toBe('ECONNRESET');
  });

  test('ports that the application opens beside its own are closed to others', async () => {
    expect(await visit(pod('payment-0')[family], 9000)).toBe('ECONNRESET');
  });
});

test('by name: a Service, and the pods of a StatefulSet as its headless Service calls them', async () => {
  expect(await ask(pod('order-0'), APP, 'http://payment:8080/')).toMatch(/^200 payment-[01] payment:8080 proxied$/);
  for (const name of ['payment-0', 'payment-1']) {
    expect(await ask(pod('order-0'), APP, `http://${name}.payment-pods.shop.svc:8080/`)).toBe(`200 ${name} ${name}.payment-pods.shop.svc:8080 proxied`);
  }
  expect(await listen(pod('order-0'), APP, 'db-0.db.shop.svc', 5432)).toBe('bytes of db-0');
});

test('the kubelet, which has no certificate, asks the application by HTTP, TCP and gRPC, and gets to know when it is not well', async () => {
  const probe = async (kind: string) => visit(pod('payment-1').v4, 15020, `/app-health/payment/${kind}`);
  expect([await probe('startup'), await probe('readiness'), await probe('liveness')]).toEqual(['200 200\n', '200 healthy\n', '200 healthy\n']);
  expect(await probe('other')).toMatch(/^404/);
  expect(await ask(pod('order-0'), APP, `http://${pod('payment-1').v4}:8080/break`)).toMatch(/^200 payment-1/);
  expect(await probe('startup')).toBe('500 500\n');
});
