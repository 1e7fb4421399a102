import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock';
import type { HeaderValue, RateLimitConfig, TokenBucketConfig } from '../config/types';
import { GrpcStatus } from '../grpc/status';
import { compileKey, type RequestHead } from '../route';
import type { SharedMemory } from '../shared-memory';
import { SharedTokenBuckets } from './shared-token-bucket';
import { TOLERANCE, TokenBuckets, type Buckets } from './token-bucket';
import type { FilterRequest, HttpFilter, LocalReply } from './types';

interface Limit {
  readonly name: string;
  /** How an item of RateLimit begins: the name as a String, and `r`. */
  readonly item: string;
  readonly buckets: Buckets;
  /** Reads the key; undefined: one bucket for all. */
  readonly read: ((head: RequestHead) => string | undefined) | undefined;
  /** The limit's bucket for the present request. */
  slot: number;
}

/**
 * The token buckets of one configuration: all must have a token, and then all give one; a request that one of them refuses takes none from the
 * others. A request without the value that a limit counts by shares one bucket with all such requests: leaving a header out is no way around.
 */
export class RateLimiter {
  private readonly limits: readonly Limit[];
  /** RateLimit-Policy never changes: made once. */
  private readonly policy: string;
  /** What every refusal carries. */
  private readonly added: readonly HeaderValue[];

  /** `scope` names what is counted apart from all else, where workers count together in `memory`. */
  constructor(
    readonly config: RateLimitConfig, private readonly clock: Clock, private readonly random: () => number, scope: string, memory?: SharedMemory,
  ) {
    this.limits = config.buckets.map((bucket, index) => ({
      name: bucket.name,
      item: `${quoted(bucket.name)};r=`,
      buckets: memory === undefined ? new TokenBuckets(bucket, random) : new SharedTokenBuckets(bucket, memory, `bucket ${scope} ${index}`, random),
      read: bucket.key && compileKey(bucket.key),
      slot: 0,
    }));
    this.policy = config.buckets.map(policyItem).join(', ');
    this.added = [...config.responseHeaders.set, ...config.responseHeaders.append];
  }

  check(request: FilterRequest): LocalReply | undefined {
    const { limits, config } = this;
    const now = this.clock.now();
    let refusing: Limit | undefined;
    for (const limit of limits) {
      limit.slot = limit.buckets.slot(limit.read === undefined ? '' : limit.read(request) ?? '', now);
      if (limit.buckets.available(limit.slot) < 1 - TOLERANCE) refusing ??= limit;
    }
    refusing ??= this.take();
    if (config.headers && limits.length > 0) this.addHeaders(request);
    if (refusing === undefined || !this.enforced()) return undefined;
    return this.reply(request, refusing);
  }

  /** Takes a token of each limit, or of none; returns the limit whose last one another worker has just taken. */
  private take(): Limit | undefined {
    const { limits } = this;
    for (let i = 0; i < limits.length; i++) {
      if (limits[i].buckets.take(limits[i].slot)) continue;
      for (let taken = 0; taken < i; taken++) limits[taken].buckets.giveBack(limits[taken].slot);
      return limits[i];
    }
    return undefined;
  }

  private enforced(): boolean {
    const { enforcedPercent } = this.config;
    return enforcedPercent >= 100 || this.random() * 100 < enforcedPercent;
  }

  private addHeaders(request: FilterRequest): void {
    let value = '';
    for (const { item, buckets, slot } of this.limits) {
      const left = Math.max(0, Math.floor(buckets.available(slot) + TOLERANCE));
      value += `${value === '' ? '' : ', '}${item}${left};t=${seconds(buckets.untilNext(slot))}`;
    }
    request.addResponseHeader('ratelimit-policy', this.policy);
    request.addResponseHeader('ratelimit', value);
  }

  private reply(request: FilterRequest, limit: Limit): LocalReply {
    // The request passes once every limit that refuses it has a token.
    let wait = 0;
    for (const { buckets, slot } of this.limits) {
      if (buckets.available(slot) < 1 - TOLERANCE) wait = Math.max(wait, buckets.untilNext(slot));
    }
    return {
      status: this.config.statusCode,
      flag: 'RL',
      detail: `local_rate_limited{${this.config.statPrefix}:${limit.name}}`,
      problem: 'rate-limited',
      title: `Rate limit '${limit.name}' of ${request.route.fullName} is used up`,
      policy: 'rate-limit',
      grpcStatus: this.config.resourceExhausted ? GrpcStatus.ResourceExhausted : undefined,
      headers: [{ name: 'retry-after', value: String(seconds(wait)) }, ...this.added],
    };
  }
}

const REMEMBERED_ROUTES = 4096;

/**
 * envoy.filters.http.local_ratelimit: limits counted in this pod alone, by all its workers together. A route may bring its own configuration, which then counts apart for that
 * route and replaces the listener's. Counts are kept over a change of the route table as long as a route's configuration stays the same.
 */
export class LocalRateLimitFilter implements HttpFilter {
  private readonly listener: RateLimiter | undefined;
  private readonly byConfig = new WeakMap<RateLimitConfig, RateLimiter>();
  private readonly byRoute = new Map<string, RateLimiter>();

  constructor(
    readonly name: string, config: RateLimitConfig | undefined, private readonly clock: Clock, private readonly random: () => number,
    private readonly scope = '', private readonly memory?: SharedMemory,
  ) {
    this.listener = config && new RateLimiter(config, clock, random, `${scope} ${name}`, memory);
  }

  onRequest(request: FilterRequest): LocalReply | undefined {
    const { route } = request;
    const own = route.config.filters.size === 0 ? undefined : route.config.filters.get(this.name);
    if (own === undefined) return this.listener === undefined ? undefined : this.listener.check(request);
    if (own.kind !== 'local_ratelimit' || own.config === undefined) return undefined;
    const limiter = this.byConfig.get(own.config) ?? this.adopt(route.fullName, own.config);
    return limiter.check(request);
  }

  /** First request since the route's configuration came. */
  private adopt(route: string, config: RateLimitConfig): RateLimiter {
    const known = this.byRoute.get(route);
    const limiter = known && isDeepStrictEqual(known.config, config) ? known
      : new RateLimiter(config, this.clock, this.random, `${this.scope} ${this.name} ${route}`, this.memory);
    // Routes come and go. What is forgotten here only starts with full buckets at the next change of its route's table.
    if (this.byRoute.size >= REMEMBERED_ROUTES) this.byRoute.clear();
    this.byRoute.set(route, limiter);
    this.byConfig.set(config, limiter);
    return limiter;
  }
}

/** Retry-After and the fields of the draft have whole seconds only; up, so that who waits that long does find a token. */
function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000 - 1e-9));
}

/**
 * An item of RateLimit-Policy, a List of Strings with parameters (draft-ietf-httpapi-ratelimit-headers-11, RFC 9651): the quota `q` in a window of
 * `w` seconds. A window is whole seconds; a limit that fills more often is stated by its smallest window that is.
 */
function policyItem({ name, tokensPerFill, fillInterval }: TokenBucketConfig): string {
  const window = Math.max(1, Math.ceil(fillInterval / 1000));
  return `${quoted(name)};q=${Math.floor((tokensPerFill * window * 1000) / fillInterval + TOLERANCE)};w=${window}`;
}

/** A String of structured fields: printable ASCII, quote and backslash escaped (RFC 9651 section 3.3.3). */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
