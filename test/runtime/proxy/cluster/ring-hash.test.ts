import * as fc from 'fast-check';
import { RingHashBalancer } from '../../../../runtime/proxy/cluster/balancer/ring-hash';
import { hostKey, type ClusterHost } from '../../../../runtime/proxy/cluster/host';
import { addresses, count, endpoints, hashOf, host, locality, made, seeded } from './support';

const KEYS = Array.from({ length: 10_000 }, (_, index) => hashOf(`order-${index}`));

function ring(hosts: readonly ClusterHost[], minimum = 1024, maximum = 8_388_608): RingHashBalancer {
  const balancer = new RingHashBalancer(minimum, maximum);
  balancer.setHosts(hosts.map((one) => ({ host: one, weight: one.weight })));
  return balancer;
}

const owners = (balancer: RingHashBalancer) => KEYS.map((hash) => balancer.pick(hash, false, undefined)!);
const hosts = (size: number) => Array.from({ length: size }, (_, index) => host(`10.1.${index >> 8}.${index & 255}`));

describe('keys that move', () => {
  test.each([2, 3, 4, 5, 8, 10, 17, 32, 64, 100])('one of %i endpoints leaves: at most 1/N + 20 % of that, and only its own keys', (size) => {
    const all = hosts(size);
    const before = owners(ring(all));
    const random = seeded(size);
    for (let trial = 0; trial < 3; trial++) {
      const gone = all[Math.floor(random() * size)]!;
      const after = owners(ring(all.filter((one) => one !== gone)));
      const moved = before.filter((owner, index) => owner !== after[index]);
      expect(moved.every((owner) => owner === gone)).toBe(true);
      expect(moved.length / KEYS.length).toBeLessThanOrEqual(1.2 / size);
    }
  });

  test('an ejected endpoint gives its keys to all others, and gets the same ones back', () => {
    const all = hosts(10);
    const balancer = ring(all);
    const before = owners(balancer);
    all[3]!.healthy = false;
    const during = owners(balancer);
    const heirs = count(KEYS.length, (index) => (before[index] === all[3] ? during[index] : undefined));
    before.forEach((owner, index) => { if (owner !== all[3]) expect(during[index]).toBe(owner); });
    expect(heirs.size).toBe(10);
    all[3]!.healthy = true;
    expect(owners(balancer)).toEqual(before);
  });
});

describe('the ring', () => {
  test('a retry goes where the key would go if the tried hosts were not there', () => {
    const all = hosts(6);
    const balancer = ring(all);
    for (const key of KEYS.slice(0, 300)) {
      const first = balancer.pick(key, false, undefined)!;
      const second = balancer.pick(key, false, [first])!;
      const third = balancer.pick(key, false, [first, second])!;
      expect(balancer.pick(key, false, all)).toBe(first);
      first.healthy = false;
      expect(balancer.pick(key, false, undefined)).toBe(second);
      second.healthy = false;
      expect(balancer.pick(key, false, undefined)).toBe(third);
      first.healthy = second.healthy = true;
    }
  });

  test('does not depend on the order of the endpoints, nor on what was before', () => {
    const all = hosts(7);
    fc.assert(fc.property(fc.shuffledSubarray(all, { minLength: 7 }), fc.constantFrom(150, 8_388_608), (shuffled, maximum) => {
      const balancer = ring(shuffled.slice(3), 100, maximum);
      balancer.setHosts(shuffled.map((one) => ({ host: one, weight: 1 })));
      const sorted = ring(all, 100, maximum);
      for (const key of KEYS.slice(0, 500)) expect(balancer.pick(key, false, undefined)).toBe(sorted.pick(key, false, undefined));
    }), { numRuns: 20 });
  });

  test('every host has its share within 20 %, by weight', () => {
    for (const weights of [[1, 1, 1, 1, 1], [1, 2, 3, 4], [100, 100], [5, 1]]) {
      const weighted = weights.map((weight, index) => host(`10.2.0.${index}`, weight));
      const balancer = ring(weighted);
      const counts = count(KEYS.length, (index) => balancer.pick(KEYS[index]!, false, undefined)!);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      weighted.forEach((one) => {
        const share = counts.get(one)! / KEYS.length / (one.weight / sum);
        expect(share).toBeGreaterThan(0.8);
        expect(share).toBeLessThan(1.2);
      });
    }
  });

  test('its size keeps the bounds: the minimum a host where there is room, never more than the maximum', () => {
    expect(ring(hosts(5)).size).toBe(5 * 1024);
    expect(ring(hosts(5), 100).size).toBe(500);
    expect(ring(hosts(5), 1024, 2000).size).toBe(2000);
    expect(ring(hosts(200)).size).toBe(200 * Math.ceil(131_072 / 200));
    expect(ring(hosts(4), 1, 1 << 23).size).toBe(4);
    expect(ring([]).size).toBe(0);
    expect(ring([]).pick(KEYS[0]!, false, undefined)).toBeUndefined();
  });

  test('a request goes to the first entry at or after its hash, and past the last to the first', () => {
    const all = hosts(3);
    const balancer = ring(all, 4);
    const entries = all.flatMap((one) => [0, 1, 2, 3].map((index) => ({ one, hash: hashOf(`${one.key}_${index}`) })))
      .map(({ one, hash }) => ({ one, value: (BigInt(hash.hi >>> 0) << 32n) | BigInt(hash.lo >>> 0) }))
      .sort((left, right) => (left.value < right.value ? -1 : 1));
    const halves = (value: bigint) => ({ hi: Number((value >> 32n) & 0xffffffffn) | 0, lo: Number(value & 0xffffffffn) | 0 });
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
      const expected = entries.find((entry) => entry.value >= value) ?? entries[0]!;
      expect(balancer.pick(halves(value), false, undefined)).toBe(expected.one);
    }));
    for (const { one, value } of entries) expect(balancer.pick(halves(value), false, undefined)).toBe(one);
  });

  test('the name on the ring is the address with the port, IPv6 in brackets', () => {
    expect(hostKey('10.0.0.1', 80)).toBe('10.0.0.1:80');
    expect(hostKey('fd00::1', 80)).toBe('[fd00::1]:80');
  });
});

describe('a cluster with a ring', () => {
  const balancer = { kind: 'ring_hash', minimumRingSize: 1024, maximumRingSize: 8_388_608 } as const;

  test('keeps a key at its endpoint over updates that only change others', () => {
    const { cluster } = made({ balancer }, endpoints(locality(addresses(5))));
    const before = KEYS.map((hash) => cluster.pick(hash, undefined, 0)!.address);
    cluster.update(endpoints(locality(addresses(6))));
    const after = KEYS.map((hash) => cluster.pick(hash, undefined, 0)!.address);
    const moved = after.filter((address, index) => address !== before[index]);
    expect(moved.every((address) => address === '10.0.0.6')).toBe(true);
    expect(moved.length / KEYS.length).toBeLessThan(1.2 / 6);
  });

  test('spreads requests without a hash at random', () => {
    const { cluster } = made({ balancer }, endpoints(locality(addresses(5))));
    for (const picks of count(10_000, () => cluster.pick(undefined, undefined, 0)!.address).values()) {
      expect(picks).toBeGreaterThan(1500);
      expect(picks).toBeLessThan(2500);
    }
  });
});
