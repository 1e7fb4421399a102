import { HttpKubernetesApi, LeaderElection } from '../../../../runtime/control-plane/kubernetes';
import { FakeApiServer } from '../support/api-server';
import { WatchedClock } from '../support/watched-clock';

let clock: WatchedClock;
let server: FakeApiServer;
const apis: HttpKubernetesApi[] = [];
const elections: LeaderElection[] = [];
let story: string[];

beforeEach(async () => {
  clock = new WatchedClock();
  story = [];
  server = await FakeApiServer.start();
});

afterEach(async () => {
  for (const api of apis.splice(0)) api.close();
  await Promise.all(elections.splice(0).map(async (one) => one.close()));
  await server.stop();
});

function candidate(name: string): { election: LeaderElection; die: () => void } {
  const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  const election = new LeaderElection({
    api, clock, random: () => 1, namespace: 'shop', name: 'leader', identity: name,
    changed: (leading) => story.push(`${name} ${leading ? 'leads' : 'follows'}`),
  });
  apis.push(api);
  elections.push(election);
  election.start();
  // A process that is killed says nothing more; what it would do by itself does not count.
  return { election, die: () => api.close() };
}

const holder = () => server.get('leases', 'shop', 'leader')?.spec.holderIdentity as string | undefined;

test('of several one leads, for as long as it renews', async () => {
  const all = ['a', 'b', 'c'].map(candidate);
  await clock.run(() => clock.now() > 20_000);
  expect(story).toHaveLength(1);
  expect(all.filter(({ election }) => election.leading)).toHaveLength(1);
  expect(all.map(({ election }) => election.leader)).toEqual([holder(), holder(), holder()]);
  expect(server.get('leases', 'shop', 'leader')!.spec).toMatchObject({ leaseDurationSeconds: 3, leaseTransitions: 0 });
});

test('a leader that dies is followed in less than 5 s, and no two ever lead', async () => {
  const first = candidate('a');
  await clock.run(() => first.election.leading);
  const second = candidate('b');
  const third = candidate('c');
  await clock.run(() => clock.now() > 10_000);
  first.die();
  const died = clock.now();
  await clock.run(() => {
    expect([first, second, third].filter(({ election }) => election.leading).length).toBeLessThanOrEqual(1);
    return second.election.leading || third.election.leading;
  });
  expect(clock.now() - died).toBeLessThan(5000);
  expect(first.election.leading).toBe(false);
  expect(server.get('leases', 'shop', 'leader')!.spec.leaseTransitions).toBe(1);
});

test('one that ends gives the lease back: the next one leads at its next look', async () => {
  const first = candidate('a');
  await clock.run(() => first.election.leading);
  const second = candidate('b');
  await clock.run(() => second.election.leader === 'a');
  const ended = clock.now();
  await first.election.close();
  expect(holder()).toBe('');
  await clock.run(() => second.election.leading);
  expect(clock.now() - ended).toBeLessThan(1500);
  expect(story).toEqual(['a leads', 'a follows', 'b leads']);
});

test('without the API nobody leads, after two seconds; when it is back somebody does', async () => {
  const first = candidate('a');
  await clock.run(() => first.election.leading);
  await server.stop();
  const away = clock.now();
  await clock.run(() => !first.election.leading);
  expect(clock.now() - away).toBeLessThanOrEqual(2050);
  await server.listen();
  await clock.run(() => first.election.leading);
  expect(story).toEqual(['a leads', 'a follows', 'a leads']);
});

test('an API that does not answer is as good as away', async () => {
  const first = candidate('a');
  await clock.run(() => first.election.leading);
  server.trouble = () => 'hang';
  const away = clock.now();
  await clock.run(() => !first.election.leading);
  expect(clock.now() - away).toBeLessThanOrEqual(2050);
});

test('a lease that somebody took is not written over', async () => {
  const first = candidate('a');
  await clock.run(() => first.election.leading);
  const lease = server.get('leases', 'shop', 'leader')!;
  server.put({ ...lease, spec: { ...lease.spec, holderIdentity: 'kubectl', leaseDurationSeconds: 60 } });
  await clock.run(() => !first.election.leading);
  await clock.run(() => clock.now() > 30_000);
  expect(holder()).toBe('kubectl');
  expect(server.requests.filter(({ status }) => status === 409)).toHaveLength(1);
});

test('names that are forbidden are said once', async () => {
  server.grants = [];
  const warnings: string[] = [];
  const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  apis.push(api);
  const log = { debug: () => {}, info: () => {}, warning: (_: string, message: string, fields?: object) => { warnings.push(`${message} ${JSON.stringify(fields)}`); }, error: () => {} };
  const election = new LeaderElection({ api, clock, log, random: () => 0, namespace: 'shop', name: 'leader', identity: 'a', changed: () => {} });
  elections.push(election);
  election.start();
  await clock.run(() => server.requests.length > 5);
  expect(warnings).toEqual([expect.stringMatching(/^the lease cannot be had .*403 cannot get resource .*leases/)]);
});
