import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { ForeignClient, type Answer } from './client';
import { PORT, ProxylessMesh } from './mesh';

/** Clients of gRPC that are none of ours, configured by our control plane without a proxy between. Needs the bundles: npx projen bundle. */
jest.setTimeout(120_000);

const CLIENTS: readonly (readonly [string, () => readonly string[]])[] = [
  ['grpc-js-xds', () => [process.execPath, resolve(__dirname, 'clients/grpc-js.mjs')]],
  ['grpcio', () => [
    execFileSync(process.execPath, [resolve(__dirname, '../../../scripts/peer.mjs'), 'grpcio'], { encoding: 'utf8' }).trim(), resolve(__dirname, 'clients/grpcio.py'),
  ]],
];

describe.each(CLIENTS)('%s', (_name, command) => {
  let mesh: ProxylessMesh;
  let client: ForeignClient;
  beforeAll(async () => {
    mesh = await ProxylessMesh.start();
    for (const [name, address] of [['a', '127.94.1.1'], ['b', '127.94.1.2'], ['c', '127.94.1.3'], ['v2', '127.94.2.1']] as const) {
      await mesh.server(name, address);
    }
    mesh.endpoints('who', ['127.94.1.1', '127.94.1.2']);
    mesh.endpoints('who-v2', ['127.94.2.1']);
    client = ForeignClient.start([...command(), `xds:///who.demo.svc.cluster.local:${PORT}`], mesh.bootstrap());
  });
  afterAll(async () => {
    await client?.kill();
    await mesh?.stop();
  });

  test('a route by header', async () => {
    expect(await client.burst(20, { 'x-version': 'v2' })).toEqual({ v2: 20 });
  });

  test('shares: nine parts of ten to the one, one to the other', async () => {
    const tally = await client.burst(2000);
    // 200 ± 13.4 of 2000: this bound is met but once in 10¹².
    expect(tally.v2).toBeGreaterThan(100);
    expect(tally.v2).toBeLessThan(300);
    // Endpoints in turn.
    expect(Math.abs(tally.a! - tally.b!)).toBeLessThan(100);
    expect(tally.a! + tally.b! + tally.v2!).toBe(2000);
  });

  const last = (count: number, all: readonly Answer[], names: readonly string[]) => (
    all.length >= count && all.slice(-count).every(({ answer }) => names.includes(answer!)));

  test('an endpoint is added, and one removed, while calls go on: none is lost', async () => {
    client.begin();
    await client.until((answers) => answers.length === 20);
    mesh.endpoints('who', ['127.94.1.1', '127.94.1.2', '127.94.1.3']);
    const added = await client.until((answers) => answers.some(({ answer }) => answer === 'c'));
    mesh.endpoints('who', ['127.94.1.3']);
    const removed = await client.until((answers) => last(100, answers, ['c', 'v2']));
    const after = await client.end();
    expect([...added, ...removed, ...after].filter(({ error }) => error !== undefined)).toEqual([]);
    expect(Object.keys(await client.burst(200)).sort()).toEqual(['c', 'v2']);
  });

  test('other shares while calls go on: none is lost', async () => {
    client.begin();
    await client.until((answers) => answers.length === 20);
    mesh.split(0, 100);
    const changed = await client.until((answers) => last(100, answers, ['v2']));
    expect([...changed, ...await client.end()].filter(({ error }) => error !== undefined)).toEqual([]);
    expect(await client.burst(50)).toEqual({ v2: 50 });
  });
});
