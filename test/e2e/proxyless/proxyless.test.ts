import { Fault } from 'meshwright';
import { ForeignClient, type Answer } from './client';
import { CLIENTS } from './foreign-clients';
import { PORT, ProxylessMesh } from './mesh';

/** Clients of gRPC that are none of ours, configured by our control plane without a proxy between. Needs the bundles: npx projen bundle. */
jest.setTimeout(120_000);

/** What a client of gRPC makes of 503. */
const UNAVAILABLE = 14;

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
    mesh.change({ shares: [0, 100] });
    const changed = await client.until((answers) => last(100, answers, ['v2']));
    expect([...changed, ...await client.end()].filter(({ error }) => error !== undefined)).toEqual([]);
    expect(await client.burst(50)).toEqual({ v2: 50 });
  });

  test('a fault of every call, then of half of them, then of none', async () => {
    client.begin();
    await client.until((answers) => answers.length === 20);
    mesh.change({ shares: [0, 100], faults: [Fault.abort(503, 100)] });
    const failing = await client.until((answers) => answers.slice(-50).filter(({ error }) => error === UNAVAILABLE).length === 50);
    expect(new Set(failing.map(({ error, answer }) => error ?? answer))).toEqual(new Set(['v2', UNAVAILABLE]));
    mesh.change({ shares: [0, 100], faults: [Fault.abort(503, 50)] });
    await client.until((answers) => answers.some(({ answer }) => answer === 'v2'));
    await client.end();
    const tally = await client.burst(1000);
    // 500 ± 15.8 of 1000.
    expect(tally[`error ${UNAVAILABLE}`]).toBeGreaterThan(375);
    expect(tally[`error ${UNAVAILABLE}`]).toBeLessThan(625);
    expect(tally.v2).toBe(1000 - tally[`error ${UNAVAILABLE}`]!);
    client.begin();
    mesh.change({ shares: [0, 100] });
    await client.until((answers) => last(100, answers, ['v2']));
    await client.end();
    expect(await client.burst(100)).toEqual({ v2: 100 });
  });
});
