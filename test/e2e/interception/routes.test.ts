import { route, meshService, service, slice, mesh as meshDocument, type Manifest } from '../../runtime/control-plane/support/documents';
import { APP, InjectedPods } from './injected-pods';
import type { Pod } from './namespace';
import { inUrl } from './support';

/**
 * Routes of Gateway API where connections are intercepted: which of them a request meets is decided by the address and the port that it was sent to. What the
 * tests MeshFrontend, MeshFrontendHostname and MeshPorts of its conformance suite ask for, of every answer, by IPv4 and IPv6, for guests of the mesh and
 * for services with mutual TLS.
 */
jest.setTimeout(120_000);

/** Requests of which every one must be answered alike. */
const EVERY = 24;
const ROUTED = 'x-routed-by';
const ECHO_1 = { v4: '10.96.0.31', v6: 'fd96::31' };
const ECHO_2 = { v4: '10.96.0.32', v6: 'fd96::32' };
const ORDER = { v4: '10.96.0.34', v6: 'fd96::34' };
const PAYMENT = { v4: '10.96.0.33', v6: 'fd96::33' };

/** Serves port 8080, and another; says which one, and what it was asked as. */
const ECHO = `
  const http = require('http'); const name = process.argv[1];
  const serve = (port, host, up) => http.createServer((q, r) => r.end([name, port, q.headers.host, q.headers['x-request-id'] ? 'proxied' : 'direct'].join(' '))).listen(port, host, up);`;
const GUEST = `${ECHO} serve(9090, '::', () => serve(8080, '::', () => console.log('up')));`;
const SERVICE = `${ECHO} serve(8080, '127.0.0.1', () => console.log('up'));`;

let mesh: InjectedPods;
const pods = new Map<string, Pod>();
const pod = (name: string) => pods.get(name)!;

beforeAll(async () => {
  mesh = new InjectedPods('mwroutes', 44);
  ['caller', 'echo-1', 'echo-2', 'order', 'payment'].forEach((name, index) => pods.set(name, mesh.pod(`r${name}`, 10 + index)));
  await mesh.serve(documents());
  await Promise.all(['caller', 'echo-1', 'echo-2'].map(async (name) => mesh.start(pod(name), name, { program: GUEST, serviceAccount: name })));
  await Promise.all(['order', 'payment'].map(async (name) => mesh.start(pod(name), name, { program: SERVICE, service: name, serviceAccount: name })));
});

afterAll(async () => mesh?.close());

function documents(): Manifest[] {
  const addressed = (name: string, { v4, v6 }: typeof ECHO_1, ports: object[]): Manifest => (
    { ...service(name), spec: { clusterIPs: [v4, v6], ports } });
  const slices = (name: string, ports: object[]): Manifest[] => [
    { ...slice(name, [pod(name).v4]), ports }, { ...slice(name, [pod(name).v6], 'v6'), addressType: 'IPv6', ports },
  ];
  const named = (http: number, alternative: number) => [{ name: 'http', port: http }, { name: 'http-alt', port: alternative }];
  // Ports of the Services are not those of the pods.
  const [ports, targets] = [named(80, 8081), named(8080, 9090)];
  const inbound = [{ name: 'http', port: 15006 }];
  const says = (by: string, parent: string, port?: number, more: object = {}): Manifest => {
    const rule = { filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: ROUTED, value: by }] } }], ...more };
    const made = route(by, parent, [rule]) as { spec: { parentRefs: object[] } };
    return { ...made, spec: { ...made.spec, parentRefs: made.spec.parentRefs.map((ref) => ({ ...ref, ...port !== undefined && { port } })) } };
  };
  const to = (name: string, port: number) => ({ backendRefs: [{ name, port }] });
  return [
    meshDocument([], {
      injection: { proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } }, interception: {} },
    }),
    addressed('echo-1', ECHO_1, ports), ...slices('echo-1', targets),
    addressed('echo-2', ECHO_2, ports), ...slices('echo-2', targets),
    // Of a port each, to the other one; and one of all ports.
    says('port-80', 'echo-1', 80, to('echo-1', 8081)), says('port-8081', 'echo-1', 8081, to('echo-2', 80)),
    says('every-port', 'echo-2', undefined, to('echo-2', 80)),
    meshService('order', ['payment']), addressed('order', ORDER, [{ name: 'http', port: 8080 }]), ...slices('order', inbound),
    meshService('payment'), addressed('payment', PAYMENT, [{ name: 'http', port: 8080 }]), ...slices('payment', inbound),
    says('of-payment', 'payment', undefined, to('payment', 8080)),
  ];
}

/** What a pod is answered, many times: each different answer once, as status, the route that it met, and who answered what. */
async function answers(from: string, url: string, host?: string): Promise<string[]> {
  const said = await pod(from).run(APP, process.execPath, '-e', `
    const { request } = require('http'); let left = ${EVERY};
    const headers = ${JSON.stringify(host === undefined ? {} : { host })};
    const once = () => request(${JSON.stringify(url)}, { headers, agent: false, timeout: 5000 }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => text += chunk).on('end', () => {
        console.log([answer.statusCode, answer.headers['${ROUTED}'] ?? 'no-route', text].join(' '));
        if (--left) once();
      });
    }).on('error', (error) => console.log(error.code)).end();
    once();`);
  const lines = said.split('\n');
  expect(lines).toHaveLength(EVERY);
  return [...new Set(lines)];
}

describe.each([['IPv4', 'v4'], ['IPv6', 'v6']] as const)('%s', (_, family) => {
  const at = (address: typeof ECHO_1, port = 80) => `http://${inUrl(address[family])}${port === 80 ? '' : `:${port}`}/`;

  test('a route holds for the Service, and not for the address of its pod', async () => {
    expect(await answers('caller', at(ECHO_2))).toEqual([`200 every-port echo-2 8080 ${inUrl(ECHO_2[family])} proxied`]);
    const direct = inUrl(pod('echo-2')[family]);
    for (const port of [8080, 9090]) expect(await answers('caller', `http://${direct}:${port}/`)).toEqual([`200 no-route echo-2 ${port} ${direct}:${port} direct`]);
  });

  test('the address decides which Service is meant, whatever Host says', async () => {
    for (const host of ['echo-1', 'echo-1.shop.svc.cluster.local:8081', 'payment', 'elsewhere.example', ECHO_1.v4]) {
      expect(await answers('caller', at(ECHO_2), host)).toEqual([`200 every-port echo-2 8080 ${host} proxied`]);
    }
    expect(await answers('caller', at(ECHO_1), 'echo-2')).toEqual(['200 port-80 echo-1 9090 echo-2 proxied']);
  });

  test('a route of one port holds for that port alone', async () => {
    expect(await answers('caller', at(ECHO_1))).toEqual([`200 port-80 echo-1 9090 ${inUrl(ECHO_1[family])} proxied`]);
    expect(await answers('caller', at(ECHO_1, 8081))).toEqual([`200 port-8081 echo-2 8080 ${inUrl(ECHO_1[family])}:8081 proxied`]);
  });

  test('a route without a port holds for each', async () => {
    expect(await answers('caller', at(ECHO_2, 8081))).toEqual([`200 every-port echo-2 8080 ${inUrl(ECHO_2[family])}:8081 proxied`]);
  });

  test('between services with mutual TLS: for the Service whatever Host says, and not for the address of its pod', async () => {
    expect(await answers('order', at(PAYMENT, 8080))).toEqual([`200 of-payment payment 8080 ${inUrl(PAYMENT[family])}:8080 proxied`]);
    expect(await answers('order', at(PAYMENT, 8080), 'order')).toEqual(['200 of-payment payment 8080 order proxied']);
    const direct = `${inUrl(pod('payment')[family])}:8080`;
    expect(await answers('order', `http://${direct}/`)).toEqual([`200 no-route payment 8080 ${direct} proxied`]);
  });
});
