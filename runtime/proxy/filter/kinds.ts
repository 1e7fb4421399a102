import type { Clock } from '../../clock';
import type { HttpFilterConfig } from '../config/types';
import type { SharedMemory } from '../shared-memory';
import { CompressorFilter, DigestFilter } from './body';
import { BodyLimitFilter } from './body-limit';
import { FaultFilter } from './fault';
import { JwtFilter, KeyStore } from './jwt';
import { LocalRateLimitFilter } from './local-ratelimit';
import { RbacFilter } from './rbac';
import type { HttpFilter } from './types';

/** What a filter is made with. */
export interface FilterContext {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Names the filter chain: what filters count, they count for each apart. */
  readonly scope?: string;
  /** What all workers of the pod see; undefined: there is one proxy. */
  readonly shared?: SharedMemory;
  /** Keys that are fetched. Undefined: none can be. */
  readonly keys?: KeyStore;
}

/**
 * The filters that can stand in front of the router, in the order in which they belong, and why. The control plane writes them in this order; the
 * proxy, like Envoy, runs them in the order that its configuration has. A new kind takes its place here.
 *
 * | kind              | why there                                                                                                       |
 * | ----------------- | --------------------------------------------------------------------------------------------------------------- |
 * | `jwt`             | First: what a token says is what rules behind it are about.                                                      |
 * | `rbac`            | Before limits: whoever may not ask uses up nothing of one.                                                       |
 * | `local_ratelimit` | Before anything that costs: a request over the limit must not take a place in a queue, a retry, a buffered body. |
 * | `body_limit`      | Before anybody looks at bodies: what is too long is refused as early as its length is known.                     |
 * | `fault`           | Behind all that refuses: it stands for the upstream, which would not have seen what is refused.                  |
 * | `digest`          | Verifies and makes digests of bodies; of answers, those that the client gets, whatever coding they have got.     |
 * | `compressor`      | Nearest to the router: what it encodes is what the others see of an answer.                                     |
 * | the router        | It sends the request, nothing can follow it. It is the data path itself and no filter here.                      |
 */
export const FILTER_KINDS: {
  readonly [K in HttpFilterConfig['kind']]: (config: Extract<HttpFilterConfig, { kind: K }>, context: FilterContext) => HttpFilter;
} = {
  jwt: ({ name, config }, { clock, keys }) => new JwtFilter(name, config, clock, keys ?? unreachable(clock)),
  rbac: ({ name, config }) => new RbacFilter(name, config),
  local_ratelimit: ({ name, config }, { clock, random, scope, shared }) => new LocalRateLimitFilter(name, config, clock, random, scope, shared),
  body_limit: ({ name, config }) => new BodyLimitFilter(name, config),
  fault: ({ name, config }, { random }) => new FaultFilter(name, config, random),
  compressor: ({ name, config }) => new CompressorFilter(name, config),
  digest: ({ name, config }) => new DigestFilter(name, config),
};

/** Without a proxy there is nothing to fetch from. */
function unreachable(clock: Clock): KeyStore {
  return new KeyStore({
    clock, random: () => 0, keepFor: () => undefined, fetch: (_from, done) => clock.setTimer(0, () => done({ failure: 'there is nothing to fetch from' })),
  });
}
