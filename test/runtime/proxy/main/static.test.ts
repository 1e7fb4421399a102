import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect, constants } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assignmentJson, listenerJson } from '../config/resources';
import { parseExposition } from '../observe/exposition';
import { ADMIN, fetchFrom, start, startUpstream, type Started } from './support';

const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

describe('a proxy with a static bootstrap', () => {
  let upstream: Server;
  let folder: string;
  let started: Started;
  let port: number;
  let admin: number;

  beforeEach(async () => {
    const made = await startUpstream('app');
    upstream = made.server;
    folder = mkdtempSync(join(tmpdir(), 'proxy-'));
    const accessLog = [{ name: 'file', typed_config: { '@type': FILE_LOG, 'path': join(folder, 'access.log') } }];
    started = await start({
      node: { id: 'n' },
      admin: ADMIN,
      static_resources: {
        listeners: [listenerJson('http', 0, { cluster: 'app' }, { access_log: accessLog })],
        clusters: [{
          name: 'app',
          load_assignment: assignmentJson('app', made.port),
          metadata: {
            typed_filter_metadata: {
              'meshwright.circuit_breaker': { '@type': 'type.googleapis.com/meshwright.v1.CircuitBreaker', 'consecutive_failures': 5, 'cooldown': '30s' },
            },
          },
        }],
      },
    }, '--health-address', '127.0.0.1:0', '--drain-time-s', '30');
    port = started.server.proxy.listeners.get('http')!.port;
    admin = started.server.adminPort!;
  });

  afterEach(async () => {
    await started.server.close();
    await new Promise((resolve) => upstream.close(resolve));
    rmSync(folder, { recursive: true });
  });

  test('serves; the request is in the metrics and in the access log', async () => {
    const answer = await fetchFrom(port, '/pay?x=1', { headers: { authorization: 'Basic secret', cookie: 'a=secret' } });
    expect([answer.status, answer.body]).toEqual([200, 'app /pay?x=1']);
    expect(started.configured()).toBe(1);
    const families = parseExposition((await fetchFrom(admin, '/stats/prometheus')).body);
    const value = (family: string, labels: object): number => {
      const wanted = expect.objectContaining(labels) as { asymmetricMatch(other: unknown): boolean };
      return families.get(family)!.find((sample) => wanted.asymmetricMatch(sample.labels))!.value;
    };
    expect(value('envoy_cluster_upstream_rq_total', { envoy_cluster_name: 'app' })).toBe(1);
    expect(value('envoy_cluster_upstream_rq_xx', { envoy_cluster_name: 'app', envoy_response_code_class: '2' })).toBe(1);
    expect(value('envoy_cluster_upstream_rq', { envoy_response_code: '200' })).toBe(1);
    expect(value('envoy_http_downstream_rq_xx', { envoy_http_conn_manager_prefix: 'http', envoy_response_code_class: '2' })).toBe(1);
    expect(value('envoy_http_downstream_rq_time', { le: '+Inf' })).toBe(1);
    expect(value('meshwright_circuit_breaker_state', { state: 'closed' })).toBe(1);
    expect(value('meshwright_access_log_dropped_total', { path: join(folder, 'access.log') })).toBe(0);
    expect(value('meshwright_build_info', { transport: 'raw' })).toBe(1);
    await started.server.close();
    const line = readFileSync(join(folder, 'access.log'), 'utf8');
    expect(JSON.parse(line)).toMatchObject({ method: 'GET', path: '/pay', status: 200, cluster: 'app', listener: 'http', tries: 1, flags: '-' });
    expect(line).not.toContain('secret');
  });

  test('admin pages', async () => {
    await fetchFrom(port, '/');
    const get = async (path: string): Promise<string> => (await fetchFrom(admin, path)).body;
    expect(await get('/ready')).toBe('LIVE\n');
    expect(await get('/listeners')).toBe(`http::127.0.0.1:${port}\n`);
    expect(JSON.parse(await get('/listeners?format=json'))).toMatchObject({ listener_statuses: [{ name: 'http', local_address: { socket_address: { port_value: port } } }] });
    expect(await get('/connections')).toBe('');
    expect(JSON.parse(await get('/connections?format=json'))).toEqual({ connections: [] });
    expect(await get('/clusters')).toMatch(/^app::circuit_breaker::state::closed$/m);
    expect(await get('/clusters')).toMatch(/^app::127\.0\.0\.1:\d+::health_flags::healthy$/m);
    expect(JSON.parse(await get('/clusters?format=json'))).toMatchObject({
      cluster_statuses: [{ name: 'app', circuit_breaker_state: 'closed', stats: { rq_total: 1 }, host_statuses: [{ health_status: { eds_health_status: 'HEALTHY' } }] }],
    });
    expect(await get('/stats?filter=^cluster.app.upstream_rq_total$')).toBe('cluster.app.upstream_rq_total: 1\n');
    expect((await fetchFrom(admin, '/stats?filter=(')).status).toBe(400);
    expect(JSON.parse(await get('/server_info'))).toMatchObject({ state: 'LIVE', transport: 'raw', node: { id: 'n' }, command_line_options: { drainTime: 30_000 } });
    expect(JSON.parse(await get('/config_dump'))).toMatchObject({
      configs: [{ bootstrap: { node: { id: 'n' } } }, { static_clusters: [{ cluster: { name: 'app' } }] }, { static_listeners: [{ listener: { name: 'http' } }] }, {}, {}],
    });
    expect(await get('/')).toContain('POST /quitquitquit');
    expect((await fetchFrom(admin, '/nothing')).status).toBe(404);
    expect((await fetchFrom(admin, '/drain')).status).toBe(405);
    expect((await fetchFrom(admin, '/drain', { method: 'POST', headers: { origin: 'https://attacker.example' } })).status).toBe(403);
    for (const path of ['//', '//[', '/%']) expect((await fetchFrom(admin, path)).status).toBe(404);
    // Neither is a target of GET (RFC 9112 §3.2).
    for (const path of ['http://[', '*']) expect((await fetchFrom(admin, path)).status).toBe(400);
    expect(await get('/server_info')).not.toContain('static_resources');
    expect((await fetchFrom(admin, '/ready', { headers: { host: 'attacker.example' } })).status).toBe(403);
  });

  test('the health server has readiness and metrics and nothing else', async () => {
    const health = started.server.healthPort!;
    expect((await fetchFrom(health, '/ready', { headers: { host: 'pod.example' } })).status).toBe(200);
    expect((await fetchFrom(health, '/healthz')).body).toBe('ok\n');
    parseExposition((await fetchFrom(health, '/stats/prometheus')).body);
    for (const path of ['/config_dump', '/clusters', '/server_info', '/quitquitquit']) expect((await fetchFrom(health, path, { method: 'POST' })).status).toBe(404);
  });

  test('a failed health check and a drain take readiness away; traffic goes on', async () => {
    const post = async (path: string): Promise<number> => (await fetchFrom(admin, path, { method: 'POST' })).status;
    const ready = async (): Promise<number> => (await fetchFrom(admin, '/ready')).status;
    expect([await post('/healthcheck/fail'), await ready(), await post('/healthcheck/ok'), await ready()]).toEqual([200, 503, 200, 200]);
    expect([await post('/drain_listeners?graceful'), await ready()]).toEqual([200, 503]);
    const answer = await fetchFrom(port, '/', { headers: { connection: 'keep-alive' } });
    expect([answer.status, answer.headers.connection]).toEqual([200, 'close']);
  });

  test('the end: not ready at once, still serving for a third of the drain time, then gone', async () => {
    const ended = started.server.shutdown();
    expect((await fetchFrom(admin, '/ready')).body).toBe('DRAINING\n');
    expect((await fetchFrom(port, '/')).status).toBe(200);
    started.clock.advance(5_000);
    await ended;
    await expect(fetchFrom(port, '/')).rejects.toThrow(/ECONNREFUSED/);
    await expect(fetchFrom(admin, '/ready')).rejects.toThrow(/ECONNREFUSED/);
    expect(started.clock.timers).toBe(0);
  });
});

describe('the end of a sidecar, whose applications have ended before it', () => {
  let upstream: Server;
  let started: Started;
  let answer: () => void;
  let asked: Promise<void>;

  beforeEach(async () => {
    let arrived: () => void;
    asked = new Promise((done) => { arrived = done; });
    upstream = createHttpServer((_, response) => {
      answer = () => response.end('late');
      arrived();
    });
    await new Promise<void>((done) => { upstream.listen(0, '127.0.0.1', done); });
    started = await start({
      admin: ADMIN,
      static_resources: {
        listeners: [listenerJson('http', 0, { cluster: 'app' })], clusters: [{ name: 'app', load_assignment: assignmentJson('app', (upstream.address() as AddressInfo).port) }],
      },
    }, '--drain-time-s', '25', '--drain-grace-s', '0');
  });
  afterEach(async () => {
    await started.server.close();
    upstream.closeAllConnections();
    await new Promise((closed) => upstream.close(closed));
  });

  test('with nothing under way it ends at once', async () => {
    await started.server.shutdown();
    expect(started.clock.timers).toBe(0);
  });

  test('what is under way ends, and then it does, without a tick of the clock', async () => {
    const slow = fetchFrom(started.server.proxy.listeners.get('http')!.port, '/');
    await asked;
    const ended = started.server.shutdown();
    answer();
    expect((await slow).body).toBe('late');
    await ended;
  });

  test('a client of HTTP/2 hears of it by GOAWAY, and has its answer before its connection ends', async () => {
    const session = connect(`http://127.0.0.1:${started.server.proxy.listeners.get('http')!.port}`);
    const goneAway = once(session, 'goaway'), closed = once(session, 'close');
    const stream = session.request({ ':path': '/' });
    await asked;
    const ended = started.server.shutdown();
    await goneAway;
    answer();
    let body = '';
    for await (const part of stream.setEncoding('utf8')) body += part as string;
    expect([body, stream.rstCode]).toEqual(['late', constants.NGHTTP2_NO_ERROR]);
    await Promise.all([closed, ended]);
  });

  test('what does not end is cut off before the kubelet would kill the proxy', async () => {
    const slow = fetchFrom(started.server.proxy.listeners.get('http')!.port, '/').then(({ status }) => status, () => 'cut off');
    await asked;
    let over = false;
    const ended = started.server.shutdown().then(() => { over = true; });
    started.clock.advance(24_999);
    await new Promise((turn) => { setImmediate(turn); });
    expect(over).toBe(false);
    started.clock.advance(1);
    await ended;
    expect(await slow).not.toBe(200);
  });
});

describe('a start that fails', () => {
  test('an address that is taken is named, and nothing stays behind', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const bootstrap = (listenerPort: number, adminPort: number): object => ({
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
      static_resources: { listeners: [listenerJson('http', listenerPort, { cluster: 'app' })], clusters: [{ name: 'app', load_assignment: assignmentJson('app', 1) }] },
    });
    await expect(start(bootstrap(port, 0))).rejects.toMatchObject({
      name: 'BootstrapError', problems: [expect.stringContaining(`listener http: cannot listen on 127.0.0.1:${port}`)],
    });
    await expect(start(bootstrap(0, port))).rejects.toMatchObject({ problems: [expect.stringContaining(`admin: cannot listen on 127.0.0.1:${port}`)] });
    await new Promise((resolve) => taken.close(resolve));
  });
});
