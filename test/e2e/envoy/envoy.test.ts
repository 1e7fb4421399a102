import { Agent } from 'node:http';
import { send, type Answer } from './client';
import { allowed, allows, differences } from './differences';
import { ADMITTED } from './mesh';
import { observe, type Outcome } from './observe';
import { setUp, type Proxy, type Setup } from './setup';
import { table, type Case } from './table';

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
    const { status, backend, tries = 1, replayed = false } = request;
    const made = ({ answer, tries: tried }: Outcome) => ({ status: answer.status, backend: header(answer, 'x-backend'), tries: tried });
    expect(made(envoy)).toEqual({ status, backend, tries });
    expect(made(ours)).toEqual({ status, backend, tries: replayed ? tries + 1 : tries });
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

  // Both hash `address:port_i` by xxHash64, but our ring has as many entries a host whatever the number of hosts, so that only the keys of a host that
  // leaves are moved; Envoy divides one ring among them. So each keeps to its own ring.
  test('ring hash keeps each of 200 keys at one endpoint, and uses all of them', async () => {
    const keys = (proxy: Proxy) => repeat(proxy, 200, (index) => ({ host: 'ring', headers: { 'x-user': `key-${index}` } }));
    const hosts = (answers: readonly Answer[]) => answers.map((answer) => header(answer, 'x-host'));
    const first = await both(keys);
    const second = await both(keys);
    for (const name of ['envoy', 'ours'] as const) {
      expect(hosts(second[name])).toEqual(hosts(first[name]));
      expect(new Set(hosts(first[name])).size).toBe(5);
    }
  });

  test('a hash cookie is made where there is none, and leads to the endpoint that made it', async () => {
    const form = /^session="?[^";]+"?; Max-Age=3600; Path=\/; HttpOnly$/;
    const { envoy, ours } = await both(async (proxy) => {
      const made = await send(proxy.outbound, { host: 'cookie' }, 'cookie');
      const cookie = header(made, 'set-cookie')!.split(';')[0];
      const again = await send(proxy.outbound, { host: 'cookie', headers: { cookie } }, 'cookie again');
      return { cookie: header(made, 'set-cookie'), same: header(again, 'x-host') === header(made, 'x-host'), anew: header(again, 'set-cookie') };
    });
    for (const seen_ of [envoy, ours]) expect(seen_).toEqual({ cookie: expect.stringMatching(form), same: true, anew: undefined });
  });

  test('a bulkhead of one connection and one waiting request refuses the others', async () => {
    const { envoy, ours } = await both(async (proxy) => {
      const id = `bulkhead ${proxy.name}`;
      const target = { ...proxy.outbound, agent: new Agent({ keepAlive: false }) };
      const statuses: number[] = [];
      const call = async () => {
        statuses.push((await send(target, { host: 'narrow', headers: { 'x-behave': 'hang;times=1' } }, id)).status);
        if (statuses.length === 4) enough();
      };
      let enough = () => {};
      const refused = new Promise<void>((resolve) => { enough = resolve; });
      const first = call();
      await setup.backends.arrived(id, 1);
      const others = Array.from({ length: 5 }, call);
      await refused;
      // The one that is served answers, and the one that waited takes its connection.
      setup.backends.release(id);
      await Promise.all([first, ...others]);
      return statuses;
    });
    expect(envoy).toEqual([503, 503, 503, 503, 200, 200]);
    expect(ours).toEqual(envoy);
  });

  /** What backends got of one request; which of them got it first is chance. */
  const copied = async (proxy: Proxy, request: Partial<Case>) => {
    const id = `mirror ${request.path} ${request.method} ${request.headers?.['x-behave']} ${proxy.name}`;
    const answer = await send(proxy.outbound, request, id);
    await setup.backends.arrived(id, 2);
    setup.backends.release(id);
    return {
      status: answer.status,
      backend: header(answer, 'x-backend'),
      got: Object.fromEntries(setup.backends.tries(id).map(({ backend, method, path, headers, bodyBytes, bodyDigest }) => {
        const shown = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
        const of = (name: string) => shown.get(name);
        return [backend, {
          method, path, bodyBytes, bodyDigest, host: of('host'), set: of('x-set'), remove: of('x-remove'), forwarded: of('x-forwarded-for'), framing: of('transfer-encoding') ?? of('content-length'),
          // Both have it, and the copy the same.
          id: of('x-request-id'),
        }];
      })),
    };
  };

  test.each<[string, Partial<Case>]>([
    ['GET', { method: 'GET' }], ['a body', { method: 'POST', body: { bytes: 3000 } }], ['a chunked body', { method: 'PUT', body: { bytes: 100_000, chunked: true } }],
  ])('a mirror gets the request, and nobody its answer: %s', async (_, request) => {
    const { envoy, ours } = await both((proxy) => copied(proxy, { path: '/mirrored/all?a=b', headers: { 'x-set': 'old', 'x-remove': 'gone' }, ...request }));
    for (const { status, backend, got } of [envoy, ours]) {
      expect({ status, backend, got: Object.keys(got).sort() }).toEqual({ status: 200, backend: 'shop', got: ['copies', 'shop'] });
      expect(got.copies!.id).toBe(got.shop!.id);
      for (const seen_ of Object.values(got)) seen_.id = '<uuid>';
    }
    // To Envoy a copy is a request of its own, so it adds its address; our proxy says of a copy where the request came from, and nothing of itself.
    expect(ours.got.copies!.forwarded).toBe(ours.got.shop!.forwarded);
    expect(envoy.got.copies!.forwarded).toMatch(new RegExp(`^${envoy.got.shop!.forwarded},[0-9a-f.:]+$`));
    envoy.got.copies!.forwarded = ours.got.copies!.forwarded;
    expect(ours).toEqual(envoy);
  });

  test('a mirror that does not answer, or not well, costs the request nothing', async () => {
    const { envoy, ours } = await both(async (proxy) => {
      const answers: [number, string | undefined][] = [];
      for (const behave of ['status=500', 'reset']) {
        const { status, backend } = await copied(proxy, { path: '/mirrored/all', method: 'POST', body: { bytes: 10 }, headers: { 'x-behave-of': 'copies', 'x-behave': behave } });
        answers.push([status, backend]);
      }
      return answers;
    });
    expect(envoy).toEqual([[200, 'shop'], [200, 'shop']]);
    expect(ours).toEqual(envoy);
  });

  test('a mirror of 30 percent, of 400 requests', async () => {
    for (const proxy of [setup.envoy, setup.ours]) {
      const id = `some ${proxy.name}`;
      for (let index = 0; index < 400; index++) await send(proxy.outbound, { path: '/mirrored/some' }, id);
      const share = (setup.backends.tries(id).length - 400) / 400;
      // Five standard deviations of a binomial share of 400.
      expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 400));
    }
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
    const { healthy, objects } = await setup.controlPlaneStatus();
    const conditions: Array<{ object: string; type: string; status: string; message: string }> = objects
      .flatMap(({ kind, name, conditions: all }: any) => all.map((condition: object) => ({ ...condition, object: `${kind}/${name}` })));
    expect(healthy).toBe(true);
    expect(conditions.filter(({ status }) => status === 'False')).toEqual([]);
    expect(conditions).toContainEqual(expect.objectContaining({ object: 'MeshService/client', type: 'Programmed', status: 'True', message: '2 of 2 proxies run it' }));
    expect(conditions).toContainEqual(expect.objectContaining({ object: 'HTTPRoute/matches', type: 'Programmed', status: 'True', message: '2 of 2 proxies run it' }));
  });
});
