import type { RequestHash } from '../cluster/types';
import type { WeightedClusterConfig } from '../config/types';
import type { ClusterChoice } from './types';

const TWO_TO_32 = 0x100000000;
/** Up to here a 64-bit remainder is exact in doubles. */
const EXACT = 2 ** 26;

/**
 * Picks among the route's clusters in proportion to their weights: by chance, or, so that a client keeps to its version, by the request's hash
 * modulo the sum of the weights (WeightedCluster.use_hash_policy). Without a hash it is chance again.
 *
 * @throws Error where the weights sum to 0, as nothing could be picked then.
 */
export function compileChoice(
  clusters: readonly Pick<WeightedClusterConfig, 'cluster' | 'weight' | 'hostRewrite'>[], byHash: boolean, hostRewrite?: string,
): (hash: RequestHash | undefined, random: () => number) => ClusterChoice {
  const choices = clusters.map(({ cluster, hostRewrite: own = hostRewrite }, index): ClusterChoice => ({ cluster, index, hostRewrite: own }));
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0) throw new Error('the weights of its clusters sum to 0; give at least one a weight above 0');
  const only = choices[0]!;
  if (choices.length === 1) return () => only;
  let sum = 0;
  const ends = clusters.map(({ weight }) => (sum += weight));
  return (hash, random) => {
    const point = byHash && hash !== undefined ? remainder(hash, total) : Math.floor(random() * total);
    for (let index = 0; index < ends.length; index++) if (point < ends[index]!) return choices[index]!;
    return choices[choices.length - 1]!;
  };
}

/** The hash as an unsigned 64-bit number, modulo `divisor`. */
export function remainder(hash: RequestHash, divisor: number): number {
  const hi = hash.hi >>> 0;
  const lo = hash.lo >>> 0;
  if (divisor <= EXACT) return ((hi % divisor) * (TWO_TO_32 % divisor) + (lo % divisor)) % divisor;
  return Number(((BigInt(hi) << 32n) | BigInt(lo)) % BigInt(divisor));
}
