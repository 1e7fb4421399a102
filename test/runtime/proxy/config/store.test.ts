import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { decodeCluster, type DecodedCluster, type DecodedEndpoints } from '../../../../runtime/proxy/config/decode';
import { DnsEndpoints } from '../../../../runtime/proxy/config/dns';
import { SnapshotFile } from '../../../../runtime/proxy/config/snapshot-file';
import { ConfigStore, type RawResource } from '../../../../runtime/proxy/config/store';
import type { HttpConnectionManagerConfig, ProxySnapshot } from '../../../../runtime/proxy/config/types';
import { ClusterSchema, fromJson, TypeUrl } from '../../../../runtime/xds';
import { assignment, assignmentJson, cluster, edsJson, listener, listenerJson, raw, table } from './resources';

function newStore() {
  const snapshots: ProxySnapshot[] = [];
  const dns: [string, DecodedCluster | undefined][] = [];
  const store = new ConfigStore({ onSnapshot: (snapshot) => snapshots.push(snapshot), onDns: (name, changed) => dns.push([name, changed]) });
  const names = (): string[] => [...store.snapshot.listeners.keys(), ...store.snapshot.clusters.keys()];
  return { store, snapshots, dns, names };
}

const routeTableOf = (store: ConfigStore, name: string): string =>
  (store.snapshot.listeners.get(name)!.filterChains[0].filter as HttpConnectionManagerConfig).routeTable;

describe('config store', () => {
  test('a cluster is there once its endpoints are, a listener once its routes are', () => {
    const { store, snapshots, names } = newStore();
    expect(store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] })).toEqual([]);
    expect(store.update({ type: TypeUrl.LDS, resources: [listener('l', 80, { rds: 'r' }), listener('inline', 81, { cluster: 'a' })], removed: [] })).toEqual([]);
    expect(names()).toEqual(['inline']);
    expect(store.warming()).toEqual({ listeners: ['l'], clusters: ['a'] });
    expect(store.subscriptions(TypeUrl.EDS)).toEqual(new Set(['a']));
    expect(store.subscriptions(TypeUrl.RDS)).toEqual(new Set(['r']));
    expect(store.subscriptions(TypeUrl.CDS)).toBeUndefined();
    store.update({ type: TypeUrl.EDS, resources: [assignment('a', 1)], removed: [] });
    store.update({ type: TypeUrl.RDS, resources: [table('r', 'a')], removed: [] });
    expect(names().sort()).toEqual(['a', 'inline', 'l']);
    expect(store.snapshot.routes.get('r')?.virtualHosts[0].routes[0].action).toMatchObject({ clusters: [{ cluster: 'a' }] });
    expect(store.snapshot.routes.has(routeTableOf(store, 'inline'))).toBe(true);
    expect(snapshots).toHaveLength(3);
  });

  test('a changed resource goes on as it was until what it newly needs has arrived', () => {
    const { store } = newStore();
    store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [assignment('a', 1)], removed: [] });
    store.update({ type: TypeUrl.LDS, resources: [listener('l', 80, { rds: 'r1' })], removed: [] });
    store.update({ type: TypeUrl.RDS, resources: [table('r1', 'a')], removed: [] });
    store.update({ type: TypeUrl.LDS, resources: [listener('l', 80, { rds: 'r2' })], removed: [] });
    store.update({
      type: TypeUrl.CDS, removed: [],
      resources: [cluster('a', { connect_timeout: '9s', eds_cluster_config: { eds_config: { ads: {} }, service_name: 'other' } })],
    });
    expect(routeTableOf(store, 'l')).toBe('r1');
    expect(store.snapshot.clusters.get('a')!.connectTimeout).toBe(5_000);
    // Both the old and the new are still needed.
    expect(store.subscriptions(TypeUrl.RDS)).toEqual(new Set(['r1', 'r2']));
    expect(store.subscriptions(TypeUrl.EDS)).toEqual(new Set(['a', 'other']));
    store.update({ type: TypeUrl.RDS, resources: [table('r2', 'a')], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [assignment('other', 2)], removed: [] });
    expect(routeTableOf(store, 'l')).toBe('r2');
    expect(store.snapshot.clusters.get('a')!.connectTimeout).toBe(9_000);
    expect(store.snapshot.endpoints.get('a')!.localities[0].endpoints[0].port).toBe(2);
    expect(store.subscriptions(TypeUrl.RDS)).toEqual(new Set(['r2']));
    expect([...store.snapshot.routes.keys()]).toEqual(['r2']);
    expect(store.versions(TypeUrl.RDS)).toEqual(new Map([['r2', '1']]));
  });

  describe('addresses of listeners', () => {
    const ports = ({ snapshot }: ConfigStore) => Object.fromEntries([...snapshot.listeners].map(([name, { port }]) => [name, port]));
    const lds = (store: ConfigStore, ...resources: RawResource[]) => store.update({ type: TypeUrl.LDS, resources, removed: [] });

    test('two may swap theirs, three may take turns, in one update', () => {
      const { store, snapshots } = newStore();
      const inline = (name: string, port: number) => listener(name, port, { cluster: 'x' });
      lds(store, inline('a', 80), inline('b', 81), inline('c', 82));
      expect(lds(store, inline('a', 81), inline('b', 80))).toEqual([]);
      expect(ports(store)).toEqual({ a: 81, b: 80, c: 82 });
      expect(lds(store, inline('a', 80), inline('b', 82), inline('c', 81))).toEqual([]);
      expect([ports(store), snapshots.length]).toEqual([{ a: 80, b: 82, c: 81 }, 3]);
    });

    test('one that another has is refused; of two that want the same the first gets it, and the others are as they were', () => {
      const { store } = newStore();
      const inline = (name: string, port: number) => listener(name, port, { cluster: 'x' });
      lds(store, inline('a', 80), inline('b', 81));
      expect(lds(store, inline('c', 80))).toEqual([{ name: 'c', problems: ['address: 127.0.0.1:80 is already that of listener "a"'] }]);
      expect(lds(store, inline('b', 90), inline('c', 90))).toEqual([{ name: 'c', problems: ['address: 127.0.0.1:90 is already that of listener "b"'] }]);
      // The place that b wants is not given up after all, as a is refused.
      expect(lds(store, inline('b', 80), inline('a', 90), inline('c', 90)).map(({ name }) => name)).toEqual(['c']);
      expect(ports(store)).toEqual({ a: 90, b: 80 });
      expect(lds(store, inline('d', 80), inline('b', 90)).map(({ name }) => name).sort()).toEqual(['b', 'd']);
      expect([ports(store), [...store.versions(TypeUrl.LDS).keys()]]).toEqual([{ a: 90, b: 80 }, ['a', 'b']]);
    });

    test('one waits for an address as long as its owner, who will leave it, waits for its routes', () => {
      const { store } = newStore();
      lds(store, listener('a', 80, { cluster: 'x' }), listener('b', 81, { cluster: 'x' }));
      expect(lds(store, listener('a', 81, { cluster: 'x' }), listener('b', 80, { rds: 'late' }))).toEqual([]);
      expect([ports(store), store.warming().listeners]).toEqual([{ a: 80, b: 81 }, ['a', 'b']]);
      store.update({ type: TypeUrl.RDS, resources: [table('late', 'x')], removed: [] });
      expect([ports(store), store.warming().listeners]).toEqual([{ a: 81, b: 80 }, []]);
    });
  });

  test('a wrong resource costs only itself, and its last good version goes on', () => {
    const { store } = newStore();
    store.update({ type: TypeUrl.LDS, resources: [listener('l', 80, { cluster: 'a' })], removed: [] });
    const before = store.snapshot.listeners.get('l');
    const rejections = store.update({
      type: TypeUrl.LDS, removed: [],
      resources: [
        raw(TypeUrl.LDS, 'l', listenerJson('l', 80, { cluster: 'a' }, { strip_any_host_port: true }), '2'),
        listener('other', 81, { cluster: 'a' }),
        listener('same-address', 81, { cluster: 'a' }),
        raw(TypeUrl.LDS, 'called', listenerJson('named', 82, { cluster: 'a' })),
        raw(TypeUrl.CDS, 'cluster', edsJson('cluster')),
        { name: 'garbage', version: '1', resource: { ...listener('x', 1, { cluster: 'a' }).resource, value: Uint8Array.of(0xff) } },
      ],
    });
    expect(rejections.map(({ name, problems }) => [name, ...problems])).toEqual([
      ['l', 'filter_chains[0].filters[0].typed_config.strip_any_host_port: true is not supported: it can only be false'],
      ['same-address', 'address: 127.0.0.1:81 is already that of listener "other"'],
      ['called', 'the resource\'s own name is "named", but it was sent as "called"'],
      ['cluster', 'type.googleapis.com/envoy.config.cluster.v3.Cluster must be a Listener'],
      ['garbage', expect.stringContaining('the bytes are no such resource')],
    ]);
    expect(store.snapshot.listeners.get('l')).toBe(before);
    expect([...store.snapshot.listeners.keys()]).toEqual(['l', 'other']);
    expect(store.versions(TypeUrl.LDS)).toEqual(new Map([['l', '1'], ['other', '1']]));
  });

  test('a listener may take the address of one that goes in the same update', () => {
    const { store, snapshots } = newStore();
    store.update({ type: TypeUrl.LDS, resources: [listener('old', 80, { cluster: 'a' })], removed: [] });
    expect(store.update({ type: TypeUrl.LDS, resources: [listener('new', 80, { cluster: 'a' })], removed: ['old'] })).toEqual([]);
    expect(snapshots.map((snapshot) => [...snapshot.listeners.keys()])).toEqual([['old'], ['new']]);
  });

  test('what did not change is the same object; an update that changes nothing makes no snapshot', () => {
    const { store, snapshots } = newStore();
    store.update({ type: TypeUrl.CDS, resources: [cluster('a'), cluster('b')], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [assignment('a', 1), assignment('b', 2)], removed: [] });
    const before = store.snapshot;
    store.update({ type: TypeUrl.CDS, resources: [cluster('a', {}, '2'), cluster('b', {}, '2')], removed: [] });
    expect(store.snapshot).toBe(before);
    expect(store.versions(TypeUrl.CDS).get('a')).toBe('2');
    store.update({ type: TypeUrl.EDS, resources: [assignment('b', 2, 3)], removed: [] });
    expect(snapshots).toHaveLength(2);
    expect(store.snapshot.clusters.get('b')).toBe(before.clusters.get('b'));
    expect(store.snapshot.endpoints.get('a')).toBe(before.endpoints.get('a'));
    expect(store.snapshot.endpoints.get('b')).not.toBe(before.endpoints.get('b'));
  });

  test('removal: users first, and what nobody uses any more is forgotten', () => {
    const { store } = newStore();
    store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [assignment('a', 1)], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [], removed: ['a'] });
    expect(store.snapshot.endpoints.get('a')!.localities[0].endpoints).toHaveLength(1);
    store.update({ type: TypeUrl.CDS, resources: [], removed: ['a'] });
    expect(store.snapshot.clusters.size).toBe(0);
    expect(store.subscriptions(TypeUrl.EDS)).toEqual(new Set());
    expect(store.resources(TypeUrl.EDS)).toEqual([]);
  });

  test('the overprovisioning factor comes with the endpoints', () => {
    const { store } = newStore();
    store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] });
    store.update({
      type: TypeUrl.EDS, removed: [],
      resources: [raw(TypeUrl.EDS, 'a', { ...assignmentJson('a', 1), policy: { overprovisioning_factor: 200 } })],
    });
    expect(store.snapshot.clusters.get('a')!.overprovisioningFactor).toBe(200);
  });

  test('what the bootstrap brings is not the control plane\'s to change', () => {
    const { store } = newStore();
    const message = fromJson(ClusterSchema, { name: 'fixed', load_assignment: assignmentJson('fixed', 1) });
    store.addStatic([], [decodeCluster(message).value!]);
    expect(store.update({ type: TypeUrl.CDS, resources: [cluster('fixed')], removed: ['fixed'] })).toEqual([
      { name: 'fixed', problems: ['has the name of a cluster of the bootstrap: rename one of them'] },
    ]);
    expect([...store.snapshot.clusters.keys()]).toEqual(['fixed']);
  });
});

describe('names of STRICT_DNS clusters', () => {
  const message = fromJson(ClusterSchema, {
    name: 'd', type: 'STRICT_DNS', dns_refresh_rate: '10s',
    load_assignment: {
      cluster_name: 'd',
      endpoints: [{
        lb_endpoints: ['app.example', '127.0.0.9'].map((address) => ({ endpoint: { address: { socket_address: { address, port_value: 80 } } }, health_status: 'HEALTHY' })),
      }],
    },
  });

  test('every address is an endpoint; a name that fails keeps what it had; asked again after the interval', async () => {
    const clock = new VirtualClock();
    const decoded = decodeCluster(message).value!;
    const answers: (readonly string[] | Error)[] = [new Error('no such name'), ['10.0.0.2', '10.0.0.1'], new Error('away'), ['10.0.0.1', '10.0.0.2'], ['10.0.0.3']];
    const changes: string[][] = [];
    const failures: string[] = [];
    const resolve = async () => {
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const dns = new DnsEndpoints(decoded.endpoints!, decoded.dns!, clock, { resolve }, (endpoints) => changes.push(endpoints.localities[0].endpoints.map((endpoint) => endpoint.address)), (name, error) => failures.push(`${name}: ${error.message}`));
    await dns.start();
    while (answers.length > 0) {
      expect(clock.untilNext()).toBe(10_000);
      clock.advance(10_000);
      // What a timer starts ends in the microtasks of a resolver that answers at once.
      await new Promise(setImmediate);
    }
    expect(changes).toEqual([['127.0.0.9'], ['10.0.0.1', '10.0.0.2', '127.0.0.9'], ['10.0.0.3', '127.0.0.9']]);
    expect(failures).toEqual(['app.example: no such name', 'app.example: away']);
    dns.close();
    expect(clock.timers).toBe(0);
  });

  test('an answer is asked for again when it is no longer good; after failures ever later, and the addresses stay', async () => {
    const clock = new VirtualClock();
    const decoded = decodeCluster(fromJson(ClusterSchema, {
      name: 'd', type: 'STRICT_DNS', dns_refresh_rate: '60s', respect_dns_ttl: true, dns_lookup_family: 'V4_PREFERRED',
      dns_failure_refresh_rate: { base_interval: '1s', max_interval: '3s' },
      load_assignment: { cluster_name: 'd', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'api.example', port_value: 443 } } } }] }] },
    })).value!;
    expect(decoded.dns).toEqual({ refreshInterval: 60_000, respectTtl: true, failureInterval: { base: 1000, max: 3000 }, families: 'v4_preferred' });
    // What the DNS answers, and for how long that is good, in milliseconds.
    const answers: ([readonly string[], number | undefined] | undefined)[] = [
      [['192.0.2.1'], 30_000], [['192.0.2.1'], 0], [['192.0.2.2', '2001:db8::2'], undefined], undefined, undefined, undefined, undefined, [['192.0.2.3'], 5000],
    ];
    const changes: string[][] = [];
    let failures = 0;
    let ttl: number | undefined;
    const dns = new DnsEndpoints(decoded.endpoints!, decoded.dns!, clock, {
      resolve: async () => {
        const answer = answers.shift();
        if (!answer) throw new Error('SERVFAIL');
        [, ttl] = answer;
        return answer[0];
      },
      timeToLive: async () => ttl,
    }, (endpoints) => changes.push(endpoints.localities[0].endpoints.map(({ address }) => address)), () => { failures++; });
    await dns.start();
    const waits: number[] = [];
    while (answers.length > 0) {
      waits.push(clock.untilNext()!);
      clock.advance(clock.untilNext()!);
      await new Promise(setImmediate);
    }
    expect(waits).toEqual([30_000, 1000, 60_000, 1000, 2000, 3000, 3000]);
    expect(clock.untilNext()).toBe(5000);
    expect(failures).toBe(4);
    expect(changes).toEqual([['192.0.2.1'], ['192.0.2.2', '2001:db8::2'], ['192.0.2.3']]);
    dns.close();
    expect(clock.timers).toBe(0);
  });

  test('an answer is used before it is known for how long it is good', async () => {
    const clock = new VirtualClock();
    const decoded = decodeCluster(fromJson(ClusterSchema, {
      name: 'd', type: 'STRICT_DNS', dns_refresh_rate: '60s', respect_dns_ttl: true,
      load_assignment: { cluster_name: 'd', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'api.example', port_value: 443 } } } }] }] },
    })).value!;
    const changes: string[][] = [];
    let say: (ttl: number) => void = () => {};
    const dns = new DnsEndpoints(decoded.endpoints!, decoded.dns!, clock, {
      resolve: async () => ['192.0.2.1'], timeToLive: async () => new Promise((resolve) => { say = resolve; }),
    }, (endpoints) => changes.push(endpoints.localities[0].endpoints.map(({ address }) => address)), () => {});
    const started = dns.start();
    await new Promise(setImmediate);
    expect([changes, clock.untilNext()]).toEqual([[['192.0.2.1']], 60_000]);
    clock.advance(4000);
    say(5000);
    await started;
    expect([clock.timers, clock.untilNext()]).toEqual([1, 1000]);
    dns.close();
    expect(clock.timers).toBe(0);
  });

  test('a failure that is bounded below its own beginning is refused', () => {
    const { problems } = decodeCluster(fromJson(ClusterSchema, {
      name: 'd', type: 'STRICT_DNS', load_assignment: { cluster_name: 'd' }, dns_failure_refresh_rate: { base_interval: '5s', max_interval: '2s' },
    }));
    expect(problems).toEqual(['dns_failure_refresh_rate.max_interval: must be at least base_interval']);
  });

  test('the cluster is there with the first answer, and goes on with its addresses when it is replaced', () => {
    const { store, dns, names } = newStore();
    const any = raw(TypeUrl.CDS, 'd', { name: 'd', type: 'STRICT_DNS', load_assignment: { cluster_name: 'd', endpoints: [] } });
    store.update({ type: TypeUrl.CDS, resources: [any], removed: [] });
    expect(dns.map(([name, changed]) => [name, changed !== undefined])).toEqual([['d', true]]);
    expect(names()).toEqual([]);
    const endpoints: DecodedEndpoints = { overprovisioningFactor: 140, localities: [{ region: '', zone: '', priority: 0, weight: 1, endpoints: [] }] };
    store.setResolved('d', endpoints);
    expect(names()).toEqual(['d']);
    store.update({ type: TypeUrl.CDS, resources: [], removed: ['d'] });
    expect(dns.at(-1)).toEqual(['d', undefined]);
  });
});

describe('snapshot file', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'snapshot-')); });
  afterEach(() => rmSync(folder, { recursive: true }));

  function filled() {
    const clock = new VirtualClock();
    const { store } = newStore();
    const path = join(folder, 'deeper', 'snapshot.json');
    const failures: Error[] = [];
    const file = new SnapshotFile(path, 'node-1', store, clock, (error) => failures.push(error));
    store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] });
    store.update({ type: TypeUrl.EDS, resources: [assignment('a', 1)], removed: [] });
    store.update({ type: TypeUrl.LDS, resources: [listener('l', 80, { rds: 'r' })], removed: [] });
    store.update({ type: TypeUrl.RDS, resources: [table('r', 'a', '7')], removed: [] });
    return { clock, store, path, file, failures };
  }

  test('written once after a burst of changes, readable by its owner only, and read back whole', async () => {
    const { clock, store, path, file } = filled();
    expect(file.load()).toBeUndefined();
    file.changed();
    file.changed();
    expect(clock.timers).toBe(1);
    clock.advance(1_000);
    await file.written();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = newStore();
    const loaded = new SnapshotFile(path, 'node-1', again.store, clock, () => undefined).load()!;
    expect(loaded.problem).toBeUndefined();
    for (const update of loaded.updates!) expect(again.store.update(update)).toEqual([]);
    expect(again.store.snapshot).toEqual(store.snapshot);
    expect(again.store.versions(TypeUrl.RDS)).toEqual(new Map([['r', '7']]));
  });

  test('a file that was cut off, changed, or is another node\'s is of no use', async () => {
    const { clock, store, path, file } = filled();
    file.changed();
    await file.close();
    const good = readFileSync(path, 'utf8');
    const problem = (text: string, node = 'node-1'): string | undefined => {
      writeFileSync(path, text);
      return new SnapshotFile(path, node, store, clock, () => undefined).load()!.problem;
    };
    expect(problem(good)).toBeUndefined();
    expect(problem(good.slice(0, -20))).toMatch(/JSON/);
    expect(problem(good.replace('"version":"7"', '"version":"8"'))).toBe('its checksum is wrong: it was not written to the end, or changed');
    expect(problem(good, 'node-2')).toBe('it is the configuration of node "node-1"');
    expect(problem('null')).toMatch(/null/);
    expect(problem('{"format":2}')).toBe('format 2 is not 1');
  });

  test('changes that come while it is being written are written after it, once, and nothing is left beside it', async () => {
    const { clock, store, path, file, failures } = filled();
    file.changed();
    clock.advance(1_000);
    store.update({ type: TypeUrl.RDS, resources: [table('r', 'a', '8')], removed: [] });
    file.changed();
    clock.advance(1_000);
    store.update({ type: TypeUrl.RDS, resources: [table('r', 'a', '9')], removed: [] });
    file.changed();
    await file.close();
    file.changed();
    expect(clock.timers).toBe(0);
    const saved = JSON.parse(readFileSync(path, 'utf8')) as { resources: { name: string; version: string }[] };
    expect(saved.resources.find(({ name }) => name === 'r')!.version).toBe('9');
    expect(readdirSync(join(folder, 'deeper'))).toEqual(['snapshot.json']);
    expect(failures).toEqual([]);
  });

  test('a file that cannot be written is reported', async () => {
    const { clock, store, failures } = filled();
    writeFileSync(join(folder, 'file'), '');
    const file = new SnapshotFile(join(folder, 'file', 'below'), 'n', store, clock, (error) => failures.push(error));
    file.changed();
    await file.close();
    expect(failures).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });
});
