import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TypeUrl, type DeltaDiscoveryRequest } from '../../../../runtime/xds';
import { FakeControlPlane } from '../ads/fake-server';
import { assignment, cluster, listener, listenerJson, raw, table } from '../config/resources';
import { adsBootstrap, fetchFrom, start, startUpstream, type Started } from './support';

const acknowledges = (type: string, after = 0) => {
  let seen = 0;
  return (request: DeltaDiscoveryRequest): boolean => request.typeUrl === type && request.responseNonce !== '' && seen++ >= after;
};

describe('a proxy that is told its configuration', () => {
  let upstreams: { server: Server; port: number }[];
  let folder: string;
  let snapshot: string;
  const running: Started[] = [];
  const planes: FakeControlPlane[] = [];

  beforeEach(async () => {
    upstreams = [await startUpstream('one'), await startUpstream('two')];
    folder = mkdtempSync(join(tmpdir(), 'proxy-'));
    snapshot = join(folder, 'snapshot.json');
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map(async ({ server }) => server.close()));
    planes.splice(0).forEach((plane) => plane.stop());
    await Promise.all(upstreams.map(async ({ server }) => new Promise((resolve) => server.close(resolve))));
    rmSync(folder, { recursive: true });
  });

  async function controlPlane(port = 0) {
    const made = await FakeControlPlane.start({
      [TypeUrl.CDS]: [cluster('app')],
      [TypeUrl.EDS]: [assignment('app', upstreams[0].port)],
      [TypeUrl.LDS]: [listener('out', 0, { rds: 'routes' })],
      [TypeUrl.RDS]: [table('routes', 'app')],
    }, port);
    planes.push(made.plane);
    return made;
  }

  async function proxy(...ports: number[]): Promise<Started> {
    const started = await start(adsBootstrap(...ports), '--snapshot-path', snapshot);
    running.push(started);
    return started;
  }

  const portOf = ({ server }: Started): number => server.proxy.listeners.get('out')!.port;

  /** Everything that was pushed so far is in force. */
  async function inForce(plane: FakeControlPlane, { server }: Started, after = 0): Promise<void> {
    await plane.request(acknowledges(TypeUrl.RDS, after));
    await plane.request(acknowledges(TypeUrl.EDS, after));
    await server.settled();
  }

  test('ready once all has arrived; serves; takes changes; refuses what is wrong and keeps what it has', async () => {
    const { plane, port } = await controlPlane();
    const started = await proxy(port);
    const { server } = started;
    expect(server.ready).toBe(false);
    expect(started.configured()).toBe(0);
    expect((await fetchFrom(server.adminPort!, '/ready')).body).toMatch(/^(PRE_)?INITIALIZING: waiting for /);
    await inForce(plane, started);
    expect(server.ready).toBe(true);
    expect(started.configured()).toBe(1);
    expect((await fetchFrom(portOf(started), '/a')).body).toBe('one /a');

    plane.push(TypeUrl.EDS, [assignment('app', upstreams[1].port)]);
    await plane.request(acknowledges(TypeUrl.EDS, 1));
    await server.settled();
    expect((await fetchFrom(portOf(started), '/b')).body).toBe('two /b');

    const nonce = plane.push(TypeUrl.LDS, [raw(TypeUrl.LDS, 'out', listenerJson('out', 0, { rds: 'routes' }, { merge_slashes: true }), '2')]);
    const nack = await plane.request((request) => request.responseNonce === nonce);
    expect(nack.errorDetail).toMatchObject({ code: 3, message: 'out: filter_chains[0].filters[0].typed_config.merge_slashes: true is not supported: it can only be false' });
    expect((await fetchFrom(portOf(started), '/c')).body).toBe('two /c');

    const dump = JSON.parse((await fetchFrom(server.adminPort!, '/config_dump?include_eds')).body) as { configs: unknown[] };
    expect(dump).toMatchObject({
      configs: [
        { bootstrap: { node: { metadata: { api_token: '[redacted]' } } } },
        { dynamic_active_clusters: [{ version_info: '1', cluster: { name: 'app' } }], dynamic_warming_clusters: [] },
        { dynamic_listeners: [{ active_state: { version_info: '1', listener: { name: 'out' } } }] },
        { dynamic_route_configs: [{ route_config: { name: 'routes' } }] },
        { dynamic_active_secrets: [] },
        { dynamic_endpoint_configs: [{ endpoint_config: { cluster_name: 'app' } }] },
      ],
    });
    expect((await fetchFrom(server.adminPort!, '/stats?filter=listener_manager')).body).toContain('listener_manager.lds.update_rejected: 1\n');

    plane.push(TypeUrl.LDS, [], ['out']);
    await plane.request(acknowledges(TypeUrl.LDS, 2));
    await server.settled();
    expect(server.proxy.listeners.size).toBe(0);
    // Ready once, ready until the drain.
    expect(server.ready).toBe(true);
    expect(started.configured()).toBe(1);
  });

  test('the control plane goes away: everything goes on; it comes back and is heard', async () => {
    const { plane, port } = await controlPlane();
    const started = await proxy(port);
    await inForce(plane, started);
    plane.stop();
    await started.logged('stream ended');
    expect((await fetchFrom(portOf(started), '/a')).body).toBe('one /a');
    expect(started.server.ready).toBe(true);
    planes.length = 0;
    const again = await controlPlane(port);
    started.clock.advance(250);
    await again.plane.request(acknowledges(TypeUrl.CDS));
    again.plane.push(TypeUrl.EDS, [assignment('app', upstreams[1].port)]);
    await again.plane.request(acknowledges(TypeUrl.EDS, 1));
    await started.server.settled();
    expect((await fetchFrom(portOf(started), '/b')).body).toBe('two /b');
  });

  test('restarted while the control plane is away it serves from its snapshot, until the control plane answers', async () => {
    const { plane, port } = await controlPlane();
    const first = await proxy(port);
    await inForce(plane, first);
    await first.server.close();
    running.length = 0;
    plane.stop();

    const second = await proxy(port);
    expect(second.server.ready).toBe(true);
    expect((await fetchFrom(portOf(second), '/a')).body).toBe('one /a');
    await second.logged('started from the snapshot');
    await second.logged('stream ended');

    planes.length = 0;
    const again = await controlPlane(port);
    again.plane.resources.set(TypeUrl.EDS, [assignment('app', upstreams[1].port)]);
    second.clock.advance(250);
    const told = await again.plane.request((request) => request.typeUrl === TypeUrl.EDS && request.responseNonce === '');
    expect(told.initialResourceVersions).toEqual({ app: '1' });
    await again.plane.request(acknowledges(TypeUrl.EDS));
    await second.server.settled();
    expect((await fetchFrom(portOf(second), '/b')).body).toBe('two /b');
  });

  test('a snapshot that is damaged is reported and ignored', async () => {
    const { plane, port } = await controlPlane();
    const first = await proxy(port);
    await inForce(plane, first);
    await first.server.close();
    running.length = 0;
    writeFileSync(snapshot, readFileSync(snapshot, 'utf8').slice(0, 200));
    const second = await proxy(port);
    expect(await second.logged('snapshot is of no use and ignored')).toMatchObject({ level: 'warning', fields: { path: snapshot } });
    await inForce(plane, second, 1);
    expect((await fetchFrom(portOf(second), '/a')).body).toBe('one /a');
  });
});
