import { Agent } from 'node:http';
import { send, type Answer } from './client';
import { allowed, allows, differences } from './differences';
import { ADMITTED } from './mesh';
import { observe } from './observe';
import { setUp, type Proxy, type Setup } from './setup';
import { table } from './table';

/**
 * A real Envoy and our proxy, both the sidecar of the same pod, both configured by our control plane over delta ADS, are sent the same requests.
 * What can be seen of each request, by the client and by the backend, must be equal but for what `differences.ts` lists.
 */
describe('Envoy and our proxy, side by side', () => {
  let setup: Setup;

  beforeAll(async () => { setup = await setUp(); }, 60_000);
  afterAll(async () => setup?.stop());

  const both = async <T>(run: (proxy: Proxy) => Promise<T>) => ({ envoy: await run(setup.envoy), ours: await run(setup.ours) });
  const header = (answer: Answer, name: string) => answer.headers.find(([key]) => key.toLowerCase() === name)?.[1];
  /** How many of the answers have each value of a header; an answer without it counts by its status. */
  const count = (answers: readonly Answer[], name: string) => {
    const counts = new Map<string, number>();
    for (const answer of answers) {
      const value = header(answer, name) ?? String(answer.status);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return counts;
  };
  const repeat = async (proxy: Proxy, times: number, request: (index: number) => Parameters<typeof send>[1]) => {
    const answers: Answer[] = [];
    for (let index = 0; index < times; index++) answers.push(await send(proxy.outbound, request(index), `repeat ${index}`));
    return answers;
  };

  test('the table has 40 requests and more, each of another name', () => {
    expect(table.length).toBeGreaterThanOrEqual(40);
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
  });

  const seen = new Set<number>();
  test.each(table)('$name', async (request) => {
    const { envoy, ours } = await both((proxy) => observe(setup, proxy, request));
    const unlisted = differences(envoy.observation, ours.observation).filter((difference) => {
      const index = allowed.findIndex((entry) => allows(entry, request.name, difference));
      if (index >= 0) seen.add(index);
      return index < 0;
    });
    expect(unlisted).toEqual([]);
    // Equal is not yet right.
    const tries = request.tries ?? 1;
    for (const { answer, tries: tried } of [envoy, ours]) {
      expect({ status: answer.status, backend: header(answer, 'x-backend'), tries: tried }).toEqual({ status: request.status, backend: request.backend, tries });
    }
  });

  test('every listed difference was seen', () => {
    expect(allowed.filter((_, index) => !seen.has(index)).map(({ field, reason }) => `${field}: ${reason}`)).toEqual([]);
  });

  test('weights 70 to 30, of 600 requests', async () => {
    const { envoy, ours } = await both((proxy) => repeat(proxy, 600, () => ({ path: '/weights' })));
    for (const answers of [envoy, ours]) {
      const share = (count(answers, 'x-backend').get('shop-v2') ?? 0) / answers.length;
      // Four standard deviations of a binomial share of 600.
      expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 600));
    }
  });

  test('a sticky split sends each of 100 users to the same version', async () => {
    const { envoy, ours } = await both((proxy) => repeat(proxy, 100, (index) => ({ path: '/sticky', headers: { 'x-user': `user-${index}` } })));
    const versions = (answers: readonly Answer[]) => answers.map((answer) => header(answer, 'x-backend'));
    expect(versions(ours)).toEqual(versions(envoy));
    expect(new Set(versions(ours))).toEqual(new Set(['shop', 'shop-v2']));
  });

  test('ring hash sends each of 200 keys to the same endpoint', async () => {
    const { envoy, ours } = await both((proxy) => repeat(proxy, 200, (index) => ({ host: 'ring', headers: { 'x-user': `key-${index}` } })));
    const hosts = (answers: readonly Answer[]) => answers.map((answer) => header(answer, 'x-host'));
    expect(hosts(ours)).toEqual(hosts(envoy));
    expect(new Set(hosts(ours)).size).toBe(5);
  });

  test('a hash cookie is made where there is none, and leads to the same endpoint in both', async () => {
    const { envoy, ours } = await both((proxy) => send(proxy.outbound, { host: 'cookie' }, 'cookie'));
    const form = /^session="?[^";]+"?; Max-Age=3600; Path=\/; HttpOnly$/;
    expect(header(envoy, 'set-cookie')).toMatch(form);
    expect(header(ours, 'set-cookie')).toMatch(form);
    for (const made of [envoy, ours]) {
      const cookie = header(made, 'set-cookie')!.split(';')[0];
      const again = await both((proxy) => send(proxy.outbound, { host: 'cookie', headers: { cookie } }, 'cookie again'));
      expect([header(again.envoy, 'x-host'), header(again.ours, 'x-host')]).toEqual([header(made, 'x-host'), header(made, 'x-host')]);
      expect(header(again.ours, 'set-cookie')).toBeUndefined();
      expect(header(again.envoy, 'set-cookie')).toBeUndefined();
    }
  });

  test('a bulkhead of one connection and one waiting request refuses the others', async () => {
    const { envoy, ours } = await both(async (proxy) => {
      const id = `bulkhead ${proxy.name}`;
      const target = { ...proxy.outbound, agent: new Agent({ keepAlive: false }) };
      const answers: Answer[] = [];
      const refused = new Promise<void>((resolve) => {
        for (let index = 0; index < 6; index++) {
          void send(target, { host: 'narrow', headers: { 'x-behave': 'hang;times=1' } }, id).then((answer) => {
            answers.push(answer);
            if (answers.length === 4) resolve();
            if (answers.length === 6) done();
          });
        }
      });
      let done = () => {};
      const all = new Promise<void>((resolve) => { done = resolve; });
      await refused;
      // The one that is served answers, and the one that waited takes its connection.
      setup.backends.release(id);
      await all;
      return answers.map(({ status }) => status);
    });
    expect(envoy).toEqual([503, 503, 503, 503, 200, 200]);
    expect(ours).toEqual(envoy);
  });

  test('a rate limit admits its requests and refuses the next with 429, at the inbound listener', async () => {
    const { envoy, ours } = await both(async (proxy) => {
      const answers: Answer[] = [];
      for (let index = 0; index < ADMITTED + 2; index++) answers.push(await send(proxy.inbound, { host: 'client' }, `limited ${proxy.name}`));
      return answers.map((answer) => ({ status: answer.status, backend: header(answer, 'x-backend') }));
    });
    expect(envoy.map(({ status }) => status)).toEqual([...Array(ADMITTED).fill(200), 429, 429]);
    expect(ours).toEqual(envoy);
  });

  test('Envoy has refused nothing, and the control plane has heard of no refusal', async () => {
    const rejected = [...await setup.envoyStats('update_rejected')].filter(([, value]) => value > 0);
    expect(rejected).toEqual([]);
    const accepted = await setup.envoyStats('(lds|cds|rds.*).update_success');
    expect([...accepted.values()].every((value) => value > 0)).toBe(true);
    expect(JSON.stringify(await setup.controlPlaneStatus())).not.toMatch(/"accepted":false|nack":\{/i);
  });
});
