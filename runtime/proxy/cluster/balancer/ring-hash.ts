import type { ClusterHost } from '../host';
import type { RequestHash } from '../types';
import { xxHash64Numbered } from '../xxhash64';

const { floor } = Math;

/** A host and its share of the ring, relative to the others. */
export interface RingHost {
  readonly host: ClusterHost;
  readonly weight: number;
}

/** Entries of a ring at most: 32 bits of hash and an index into 2^21 fit exactly into a double, which sorts natively. */
const MAX_ENTRIES = 2 ** 21;
/** Up to here every host has `minimumRingSize` entries of its own; above it they share, at 12 bytes an entry. */
const ROOMY_ENTRIES = 2 ** 17;

/** Hashes of a host's entries, upper and lower half in turn: they never change, and hashing is most of the work of building a ring. */
const hashesOf = new WeakMap<ClusterHost, Int32Array>();

function entryHashes(host: ClusterHost, count: number): Int32Array {
  const known = hashesOf.get(host);
  if (known && known.length >= count * 2) return known;
  const hashes = new Int32Array(count * 2);
  xxHash64Numbered(`${host.key}_`, hashes);
  hashesOf.set(host, hashes);
  return hashes;
}

/**
 * Ketama ring over one priority, hashed by xxHash64 of `address:port_i` as in Envoy: a request goes to the first entry at or after its hash.
 *
 * Two things are done otherwise than in Envoy, for the one purpose of a ring, that few keys move:
 * - Every host of the lowest weight has `minimumRingSize` entries instead of its part of a ring of that size (down to that where the ring would
 *   grow above 131,072 entries or `maximumRingSize`). A host's entries then do not depend on how many others there are, and only the keys of the
 *   host that left move; Envoy's ring gives every remaining host new entries, which moves about twice as many.
 * - Unhealthy hosts stay on the ring and are passed over, so that an ejection moves the keys of that host and brings back the same ones. Envoy
 *   builds a new ring.
 */
export class RingHashBalancer {
  private entries: readonly RingHost[] = [];
  private hosts: readonly ClusterHost[] = [];
  private hi = new Uint32Array(0);
  private lo = new Uint32Array(0);
  private index = new Int32Array(0);

  constructor(private readonly minimumRingSize: number, private readonly maximumRingSize: number) {}

  get size(): number {
    return this.index.length;
  }

  /** Takes all hosts of the priority, the unhealthy included. The order does not matter. */
  setHosts(entries: readonly RingHost[]): void {
    const sorted = entries.filter((entry) => entry.weight > 0).sort((left, right) => (left.host.key < right.host.key ? -1 : 1));
    const same = sorted.length === this.entries.length
      && sorted.every(({ host, weight }, i) => host === this.entries[i]!.host && weight === this.entries[i]!.weight);
    if (same) return;
    this.entries = sorted;
    this.hosts = sorted.map((entry) => entry.host);
    this.build();
  }

  private build(): void {
    const lowest = this.entries.reduce((least, entry) => Math.min(least, entry.weight), Infinity);
    const units = this.entries.reduce((sum, entry) => sum + entry.weight / lowest, 0);
    const perUnit = this.entriesPerUnit(units);
    const most = Math.ceil(units * perUnit) + this.entries.length;
    const keys = new Float64Array(most);
    const lo = new Int32Array(most);
    const owner = new Int32Array(most);
    let size = 0;
    let target = 0;
    this.entries.forEach(({ host, weight }, index) => {
      // Summed up, so that fractions of an entry even out over the hosts.
      target += (weight / lowest) * perUnit;
      const hashes = entryHashes(host, Math.ceil(target) - size + 1);
      for (let i = 0; size < target - 1e-6; i += 2, size++) {
        keys[size] = (hashes[i]! >>> 0) * MAX_ENTRIES + size;
        lo[size] = hashes[i + 1]!;
        owner[size] = index;
      }
    });
    this.layDown(keys.subarray(0, size).sort(), lo, owner);
  }

  /** Entries of a host of the lowest weight; `units` is how many such hosts all hosts are worth. */
  private entriesPerUnit(units: number): number {
    const most = Math.min(this.maximumRingSize, MAX_ENTRIES);
    const shared = Math.max(1, Math.ceil(Math.max(ROOMY_ENTRIES, this.minimumRingSize) / units));
    return Math.min(this.minimumRingSize, shared, most / units);
  }

  /** Lays the entries down in order of the whole hash; the keys are in order of its upper half. */
  private layDown(keys: Float64Array, low: Int32Array, owner: Int32Array): void {
    const size = keys.length;
    this.hi = new Uint32Array(size);
    this.lo = new Uint32Array(size);
    this.index = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      const hi = floor(keys[i]! / MAX_ENTRIES);
      const entry = keys[i]! - hi * MAX_ENTRIES;
      const lo = low[entry]! >>> 0;
      let at = i;
      for (; at > 0 && this.hi[at - 1] === hi && this.lo[at - 1]! > lo; at--) {
        this.hi[at] = this.hi[at - 1]!;
        this.lo[at] = this.lo[at - 1]!;
        this.index[at] = this.index[at - 1]!;
      }
      this.hi[at] = hi;
      this.lo[at] = lo;
      this.index[at] = owner[entry]!;
    }
  }

  /**
   * The first host at or after the hash that may be picked: a healthy one, or any in panic; one that was not tried, where there is one. So a retry
   * goes where the key would go if the tried hosts were not there.
   */
  pick(hash: RequestHash, panic: boolean, tried: readonly ClusterHost[] | undefined): ClusterHost | undefined {
    const avoid = tried !== undefined && this.hasUntried(panic, tried) ? tried : undefined;
    const size = this.index.length;
    const start = this.position(hash.hi >>> 0, hash.lo >>> 0);
    for (let step = 0; step < size; step++) {
      const at = start + step;
      const host = this.hosts[this.index[at < size ? at : at - size]!]!;
      if ((panic || host.healthy) && (avoid === undefined || !avoid.includes(host))) return host;
    }
    return undefined;
  }

  private hasUntried(panic: boolean, tried: readonly ClusterHost[]): boolean {
    for (const host of this.hosts) if ((panic || host.healthy) && !tried.includes(host)) return true;
    return false;
  }

  /** First entry whose hash is not below the given one; the first of all where there is none. */
  private position(hi: number, lo: number): number {
    let low = 0;
    let high = this.index.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const middleHi = this.hi[middle]!;
      if (middleHi < hi || (middleHi === hi && this.lo[middle]! < lo)) low = middle + 1;
      else high = middle;
    }
    return low === this.index.length ? 0 : low;
  }
}
