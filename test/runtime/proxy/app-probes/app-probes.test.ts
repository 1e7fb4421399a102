import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../../runtime/clock';
import { appProbeRoutes, parseAppProbes } from '../../../../runtime/proxy/app-probes';
import { createPortableTransport } from '../../../../runtime/proxy/transport';
import { assignmentJson, listenerJson } from '../config/resources';
import { ADMIN, fetchFrom, start, type Started } from '../main/support';
import { Authority } from '../support/pki';

/** The health server of a proxy, asked as the kubelet asks it, and applications on the loopback that answer. */

const POD = '10.1.2.3';
const servers: (Server | Http2Server)[] = [];
let started: Started | undefined;

afterEach(async () => {
  await started?.server.close();
  for (const server of servers.splice(0)) {
    await new Promise<void>((closed) => {
      server.close(() => closed());
      (server as Server).closeAllConnections?.();
    });
  }
});

async function listening<T extends Server | Http2Server>(server: T): Promise<number> {
  servers.push(server);
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return (server.address() as AddressInfo).port;
}

const app = async (answer: RequestListener) => listening(createServer(answer));

/** A proxy with these probes, by the last part of their paths. */
async function probed(probes: Record<string, object>): Promise<(path: string, method?: string) => Promise<string>> {
  const byPath = Object.fromEntries(Object.entries(probes).map(([name, probe]) => [`/app-health/app/${name}`, probe]));
  const bootstrap = {
    node: { id: 'n', metadata: { podIp: POD, loopback: '127.0.0.1' } },
    admin: ADMIN,
    static_resources: { listeners: [listenerJson('http', 0, { cluster: 'app' })], clusters: [{ name: 'app', load_assignment: assignmentJson('app', 1) }] },
  };
  started = await start(bootstrap, '--health-address', '127.0.0.1:0', '--app-probes', JSON.stringify(byPath));
  return async (path, method) => {
    const { status, body } = await fetchFrom(started!.server.healthPort!, path.startsWith('/') ? path : `/app-health/app/${path}`, { method });
    return `${status} ${body.trim()}`;
  };
}

describe('HTTP', () => {
  test('the application gets the declared path, query and headers, the host of the pod, and nothing of who asks', async () => {
    const got: IncomingMessage[] = [];
    const port = await app((request, response) => {
      got.push(request);
      response.end('a word that stays in the pod');
    });
    const httpHeaders = [{ name: 'X-Probe', value: 'one' }, { name: 'x-probe', value: 'two' }];
    const ask = await probed({ readiness: { httpGet: { port, path: '/ready?deep=1', httpHeaders } }, liveness: { httpGet: { port, httpHeaders: [{ name: 'Host', value: 'shop.example' }] } } });
    expect(await ask('readiness')).toBe('200 200');
    expect(await ask('/app-health/app/liveness?path=/admin')).toBe('200 200');
    expect(got.map(({ method, url, headers }) => [method, url, headers.host, headers['x-probe'], headers['user-agent']])).toEqual([
      ['GET', '/ready?deep=1', `${POD}:${port}`, 'one, two', 'kube-probe/meshwright'], ['GET', '/', 'shop.example', undefined, 'kube-probe/meshwright'],
    ]);
  });

  test.each([[200, '200 200'], [204, '200 204'], [399, '200 399'], [400, '400 400'], [503, '503 503'], [999, '502 999']])('%i is told as the kubelet would take it', async (status, told) => {
    const port = await app((_, response) => response.writeHead(status).end());
    expect(await (await probed({ startup: { httpGet: { port } } }))('startup')).toBe(told);
  });

  test('redirects are followed at the pod, ten of them; one that leads elsewhere is well', async () => {
    const port = await app(({ url, headers: { host } }, response) => {
      const to = { '/away': 'http://elsewhere.example/', '/here': `http://${host}/bad`, '/bare': '/bad', '/round': '/round' }[url!];
      response.writeHead(to === undefined ? 500 : 302, to === undefined ? {} : { location: to }).end();
    });
    const told: string[] = [];
    for (const path of ['/away', '/here', '/bare', '/round']) {
      told.push(await (await probed({ readiness: { httpGet: { port, path } } }))('readiness'));
      await started!.server.close();
    }
    expect(told).toEqual(['200 302', '500 500', '500 500', '503 no answer: more than 10 redirects']);
  });

  test('HTTPS with any certificate', async () => {
    const { chain, key } = await (await Authority.create('nobody')).issue({ dns: ['not-the-pod.example'] });
    const port = await listening(createHttpsServer({ cert: chain, key }, (_, response) => response.writeHead(202).end()));
    expect(await (await probed({ readiness: { httpGet: { port, scheme: 'HTTPS' } } }))('readiness')).toBe('200 202');
  });

  test('nobody listens; nobody answers within the timeout of the probe', async () => {
    let asked: () => void;
    const arrived = new Promise<void>((done) => { asked = done; });
    const silent = await app(() => asked());
    const gone = await app(() => {});
    await new Promise((closed) => { servers.pop()!.close(closed); });
    const ask = await probed({ readiness: { httpGet: { port: gone } }, liveness: { httpGet: { port: silent }, timeoutSeconds: 3 } });
    expect(await ask('readiness')).toBe('503 no answer: ECONNREFUSED');
    const answer = ask('liveness');
    await arrived;
    started!.clock.advance(3000);
    expect(await answer).toBe('504 no answer within 3 s');
  });

  test('who asks while the same is being asked waits for its answer', async () => {
    let requests = 0;
    const port = await app((_, response) => {
      requests++;
      response.end();
    });
    const path = '/app-health/app/readiness';
    const probes = parseAppProbes(JSON.stringify({ [path]: { httpGet: { port } } }), []);
    const { handle } = appProbeRoutes(probes, { clock: systemClock, transport: createPortableTransport(), address: '127.0.0.1', host: POD }).get(path)!;
    const ask = async () => (await handle(new URLSearchParams())).status;
    expect([await Promise.all([ask(), ask(), ask()]), requests]).toEqual([[200, 200, 200], 1]);
    expect([await ask(), requests]).toEqual([200, 2]);
  });
});

test('TCP: whether somebody listens', async () => {
  const port = await app(() => {});
  const ask = await probed({ readiness: { tcpSocket: { port } } });
  expect(await ask('readiness')).toBe('200 healthy');
  await new Promise((closed) => { servers.pop()!.close(closed); });
  expect(await ask('readiness')).toBe('503 network');
});

test('gRPC: grpc.health.v1, of the declared service', async () => {
  const port = await listening(createHttp2Server((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      const [, name] = /\n.(.+)/s.exec(Buffer.concat(parts).toString()) ?? [];
      response.writeHead(200, { 'content-type': 'application/grpc' });
      response.addTrailers({ 'grpc-status': '0' });
      response.end(Buffer.from([0, 0, 0, 0, 2, 8, name === 'shop.Payment' ? 1 : 2]));
    });
  }));
  const ask = await probed({ readiness: { grpc: { port, service: 'shop.Payment' } }, liveness: { grpc: { port } } });
  expect([await ask('readiness'), await ask('liveness')]).toEqual(['200 healthy', '503 unhealthy']);
});

test('only what is declared is there, for GET, and its headers are in no page', async () => {
  const port = await app((_, response) => response.end());
  const ask = await probed({ readiness: { httpGet: { port, httpHeaders: [{ name: 'authorization', value: 'Basic secret' }] } } });
  const paths = ['/app-health', '/app-health/app', '/app-health/app/liveness', '/app-health/app/readiness/', '/app-health/app/readiness/x', '/app-health/other/readiness', '/app-health/app/%72eadiness'];
  for (const path of paths) expect(await ask(path)).toMatch(/^404 /);
  expect(await ask('readiness', 'POST')).toMatch(/^405 /);
  const info = (await fetchFrom(started!.server.adminPort!, '/server_info')).body;
  expect(JSON.parse(info)).toMatchObject({ command_line_options: { appProbes: ['/app-health/app/readiness'] } });
  expect(info).not.toContain('secret');
});
