import type { BalancerConfig } from '../../config/types';
import { LeastRequestBalancer } from './least-request';
import { RandomBalancer } from './random';
import { RoundRobinBalancer } from './round-robin';
import type { Balancer } from './types';

export { RingHashBalancer } from './ring-hash';
export { Schedule } from './schedule';
export { sameList, type Balancer } from './types';

/** A balancer that needs no hash. */
export function createBalancer(config: Exclude<BalancerConfig, { kind: 'ring_hash' }>, random: () => number): Balancer {
  switch (config.kind) {
    case 'round_robin': return new RoundRobinBalancer(random);
    case 'least_request': return new LeastRequestBalancer(config.choices, random);
    case 'random': return new RandomBalancer(random);
  }
}
