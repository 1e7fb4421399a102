/**
 * Where the conformance suite of Gateway API is content with a status, or with one fitting answer among many: every answer, its Location, the path and the
 * headers that arrive, references that must not be followed, what is said to each parent.
 */
import type { Answer } from '../envoy/client';
import type { Case } from '../envoy/table';
import { RunningGatewayApi } from './running';

// Only a hang may run into it.
jest.setTimeout(120_000);

let mesh: RunningGatewayApi;
beforeAll(async () => { mesh = await RunningGatewayApi.start(); });
afterAll(async () => mesh?.stop());

/** Requests of which every one must be answered alike: with two backends a wrong rule answers right half of the time, or is caught once in 20 million. */
const EVERY = 24;

const header = ({ headers }: Answer, name: string) => headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value).join(',');
const pathAt = (answer: Answer) => (JSON.parse(answer.body) as { path: string }).path;
const received = ({ id }: { id: string }, name: string) => mesh.backends.tries(id)[0].headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value).join(',');

async function repeatedly<T>(times: number, once: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, once));
}

describe('matches: every answer comes from the backend of the rule', () => {
  type Row = [path: string, request: Partial<Case>, backend: string | 404];
  const rows: Row[] = [
    ['/exact', {}, 'one'],
    ['/exact?x=1', {}, 'one'],
    ['/exact/', {}, 404],
    ['/Exact', {}, 404],
    ['/tree', {}, 'one'],
    ['/tree/', {}, 'one'],
    ['/tree/a/b', {}, 'one'],
    ['/treehouse', {}, 404],
    ['/tree/deep', {}, 'two'],
    ['/tree/deep/er', {}, 'two'],
    ['/tree/deeper', {}, 'one'],
    ['/items/42', {}, 'one'],
    ['/items/42/x', {}, 404],
    ['/items/x', {}, 404],
    ['/m', { method: 'DELETE' }, 'two'],
    ['/m', { method: 'GET' }, 'one'],
    ['/m', { method: 'POST' }, 'one'],
    ['/h', { headers: { 'X-COLOR': 'blue' } }, 'one'],
    ['/h', { headers: { 'x-color': 'Blue' } }, 404],
    ['/h', { headers: { 'x-color': 'grey' } }, 'two'],
    ['/h', { headers: { 'x-color': 'greyish' } }, 404],
    ['/h', {}, 404],
    ['/q?animal=whale', {}, 'one'],
    ['/q?animal=dolphin', {}, 'two'],
    ['/q?animal=Whale', {}, 404],
    ['/q?Animal=whale', {}, 404],
    ['/q?animal=shark&animal=whale', {}, 404],
    ['/q', {}, 404],
    ['/e', { headers: { 'x-a': '1', 'x-b': '2' } }, 'one'],
    ['/e', { headers: { 'x-a': '1' } }, 404],
    ['/e?both=no', { headers: { 'x-a': '1' } }, 'one'],
    ['/', {}, 404],
  ];
  test.each(rows)('%s %j → %s', async (path, request, backend) => {
    const answers = await repeatedly(EVERY, async () => mesh.ask(path, request));
    expect(new Set(answers.map((answer) => (answer.status === 200 ? header(answer, 'x-backend') : answer.status)))).toEqual(new Set([backend]));
  });
});

test('weights: 70 and 30 within 5 standard deviations of 1,000 requests, and nothing to a weight of 0', async () => {
  const counts = new Map<string, number>();
  for (const answer of await repeatedly(1000, async () => mesh.ask('/weights'))) {
    expect(answer.status).toBe(200);
    counts.set(header(answer, 'x-backend'), (counts.get(header(answer, 'x-backend')) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(['one', 'two']);
  expect(Math.abs(counts.get('one')! - 700)).toBeLessThan(5 * Math.sqrt(1000 * 0.7 * 0.3));
});

describe('redirects: status and Location', () => {
  const rows: [path: string, host: string, status: number, location: string][] = [
    ['/redirect/host/a?b=c', 'echo', 302, 'http://example.org:8080/redirect/host/a?b=c'],
    ['/redirect/status', 'echo', 301, 'http://example.org:8080/redirect/status'],
    ['/redirect/port/a?b=c', 'echo', 302, 'http://echo:8083/redirect/port/a?b=c'],
    ['/redirect/port/a', 'echo:8080', 302, 'http://echo:8083/redirect/port/a'],
    ['/redirect/port-and-host', 'echo', 303, 'http://example.org:8083/redirect/port-and-host'],
    ['/redirect/scheme/a?b=c', 'echo', 307, 'https://echo/redirect/scheme/a?b=c'],
    ['/redirect/scheme-and-host', 'echo', 308, 'https://example.org/redirect/scheme-and-host'],
    ['/redirect/path/a/b?c=d', 'echo:8080', 302, 'http://echo:8080/elsewhere?c=d'],
    ['/redirect/prefix', 'echo:8080', 302, 'http://echo:8080/new'],
    ['/redirect/prefix/a?b=c', 'echo:8080', 302, 'http://echo:8080/new/a?b=c'],
    ['/redirect/strip/a', 'echo', 302, 'http://example.org:8080/a'],
    ['/redirect/strip', 'echo', 302, 'http://example.org:8080/'],
  ];
  test.each(rows)('%s of %s', async (path, host, status, location) => {
    const answer = await mesh.ask(path, { host });
    expect([answer.status, header(answer, 'location').replace('https://echo:443/', 'https://echo/')]).toEqual([status, location]);
    expect(mesh.backends.tries(answer.id)).toEqual([]);
  });
});

describe('rewrites: the path that arrives', () => {
  test.each([
    ['/rewrite/prefix', '/new'],
    ['/rewrite/prefix/', '/new/'],
    ['/rewrite/prefix/a/b?c=d%20e', '/new/a/b?c=d%20e'],
    ['/rewrite/prefixed', 404],
    ['/rewrite/strip', '/'],
    ['/rewrite/strip/a?b', '/a?b'],
    ['/rewrite/full/a/b?c=d', '/one?c=d'],
  ])('%s → %s', async (path, arrives) => {
    const answer = await mesh.ask(path);
    expect(answer.status === 200 ? pathAt(answer) : answer.status).toBe(arrives);
  });

  test('and the host', async () => {
    expect(received(await mesh.ask('/rewrite/full'), 'host')).toBe('inner.example');
    expect(received(await mesh.ask('/rewrite/prefix'), 'host')).toBe('echo');
  });
});

test('headers of requests: set replaces, add appends, remove takes out, whatever their case', async () => {
  const answer = await mesh.ask('/request-headers', { headers: { 'x-set': 'old', 'X-ADD': 'first', 'x-Remove': 'gone', 'x-other': 'stays' } });
  expect(['x-set', 'x-add', 'x-remove', 'x-other'].map((name) => received(answer, name))).toEqual(['new', 'first,more', '', 'stays']);
  const bare = await mesh.ask('/request-headers');
  expect(['x-set', 'x-add'].map((name) => received(bare, name))).toEqual(['new', 'more']);
});

test('headers of answers likewise', async () => {
  const answer = await mesh.ask('/response-headers');
  expect(['x-set', 'x-add', 'x-remove'].map((name) => header(answer, name))).toEqual(['new', 'first,more', '']);
});

test('filters of a backend change what goes to it and what comes from it, and nothing of the others', async () => {
  const answers = await repeatedly(EVERY, async () => mesh.ask('/backend-headers'));
  const backends = answers.map((answer) => header(answer, 'x-backend'));
  expect(new Set(backends)).toEqual(new Set(['one', 'two']));
  expect(answers.map((answer) => received(answer, 'x-of'))).toEqual(backends);
  expect(answers.map((answer) => header(answer, 'x-from'))).toEqual(backends);
});

describe('timeouts', () => {
  test.each(['/timeout/request', '/timeout/backend'])('%s: 504 to a backend that does not answer, and an answer to one that does', async (path) => {
    expect((await mesh.ask(path)).status).toBe(200);
    const late = await mesh.ask(path, { headers: { 'x-behave': 'hang' } });
    expect(late.status).toBe(504);
    expect(mesh.backends.tries(late.id)).toHaveLength(1);
    mesh.backends.release(late.id);
  });

  test('0s is none: who waits is answered however late', async () => {
    const asked = mesh.ask('/timeout/none', { headers: { 'x-behave': 'hang', 'x-case': 'unbounded' } });
    await mesh.backends.arrived('unbounded', 1);
    // Longer than the bounds of the other rules: it has their time, and more.
    const late = await mesh.ask('/timeout/request', { headers: { 'x-behave': 'hang' } });
    expect(late.status).toBe(504);
    mesh.backends.release(late.id);
    mesh.backends.release('unbounded');
    expect((await asked).status).toBe(200);
  });
});

describe('references', () => {
  test('a grant lets a route send to another namespace', async () => {
    const answers = await repeatedly(EVERY, async () => mesh.ask('/granted'));
    expect(new Set(answers.map((answer) => `${answer.status} ${header(answer, 'x-backend')}`))).toEqual(new Set(['200 granted']));
  });

  test.each([['/withheld', 500], ['/missing', 500], ['/wrong-port', 500], ['/none', 500], ['/weightless', 500]])('%s is answered %d, every time', async (path, status) => {
    const answers = await repeatedly(EVERY, async () => mesh.ask(path));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
    expect(answers.flatMap(({ id }) => mesh.backends.tries(id))).toEqual([]);
  });

  test('beside one that is good, what is missing takes its share of failures', async () => {
    const statuses = (await repeatedly(400, async () => mesh.ask('/half'))).map(({ status }) => status);
    expect([...new Set(statuses)].sort()).toEqual([200, 500]);
    expect(Math.abs(statuses.filter((status) => status === 500).length - 200)).toBeLessThan(5 * Math.sqrt(400 * 0.25));
  });

  test('callers of a namespace that has its own route get that one', async () => {
    const answers = await repeatedly(EVERY, async () => mesh.ask('/', { host: 'shared.other' }));
    expect(new Set(answers.map((answer) => `${answer.status} ${header(answer, 'x-backend')} ${header(answer, 'x-route')}`))).toEqual(new Set(['200 shared consumer']));
  });
});

describe('status', () => {
  const condition = async (name: string, type: string) => (await mesh.said('HTTPRoute', name)).conditions.find((one) => one.type === type);

  test('a route that is fine is accepted, resolved, and run by the proxy that it concerns', async () => {
    await expect(condition('web/matches', 'Accepted')).resolves.toMatchObject({ status: 'True', reason: 'Accepted', observedGeneration: 1 });
    await expect(condition('web/matches', 'ResolvedRefs')).resolves.toMatchObject({ status: 'True', reason: 'ResolvedRefs' });
    await expect(condition('web/matches', 'Programmed')).resolves.toMatchObject({ status: 'True', message: '1 of 1 proxies run it' });
    await expect(condition('web/consumer', 'Programmed')).resolves.toMatchObject({ status: 'True', message: '1 of 1 proxies run it' });
    // Only callers of the other namespaces would run it.
    await expect(condition('other/producer', 'Programmed')).resolves.toMatchObject({ status: 'Unknown', reason: 'NoProxies' });
  });

  test('each parent is told for itself', async () => {
    const { parents } = await mesh.said('HTTPRoute', 'web/references');
    expect(parents!.map(({ index, accepted: { status, reason } }) => [index, status, reason]).sort()).toEqual([
      [0, 'True', 'Accepted'], [1, 'False', 'NoMatchingParent'], [2, 'False', 'NoMatchingParent'],
    ]);
  });

  test('every reference that is not followed is named, with its reason', async () => {
    const found = await condition('web/references', 'ResolvedRefs');
    expect(found).toMatchObject({ status: 'False', reason: 'RefNotPermitted' });
    for (const text of ['rules[1].backendRefs[0] is Service other/withheld', 'rules[2].backendRefs[0] is Service web/missing', 'rules[3].backendRefs[0] is Service web/one, port 81', 'rules[4].backendRefs is empty']) {
      expect(found!.message).toContain(text);
    }
  });

  test('a filter that is not run refuses its route and says so', async () => {
    await expect(condition('web/unsupported', 'Accepted')).resolves.toMatchObject({ status: 'False', reason: 'UnsupportedValue', message: expect.stringContaining('CORS') as string });
    expect((await mesh.ask('/cors')).status).toBe(404);
  });

  test('a mirror that cannot be followed is named, and the others get their copies', async () => {
    await expect(condition('web/mirrored', 'Accepted')).resolves.toMatchObject({ status: 'True' });
    await expect(condition('web/mirrored', 'ResolvedRefs')).resolves.toMatchObject({
      status: 'False', reason: 'BackendNotFound', message: expect.stringContaining('filters[2].requestMirror.backendRef is Service web/missing') as string,
    });
    expect((await mesh.ask('/mirror')).status).toBe(200);
  });
});
