import { Compression } from './compression';
import { Digest } from './digest';
import { Fault } from './fault';
import { JwtAuthentication } from './jwt-authentication';
import { LocalityPolicy } from './locality-policy';
import { OutboundPolicy } from './outbound-policy';
import { RateLimit } from './rate-limit';
import { SizeLimits } from './size-limits';

/**
 * Everything that shapes the traffic *to* a service. What is left out is off. A field has one source: two policies that set it, or a policy and
 * a property, are an error that names both.
 */
export interface TrafficPolicy extends OutboundPolicy {
  /**
   * Limits, each of which must admit a request.
   *
   * @default - no limit
   */
  readonly rateLimits?: RateLimit[];
  /**
   * Which region serves.
   *
   * @default - every region alike
   */
  readonly locality?: LocalityPolicy;
  /**
   * Compression of answers.
   *
   * @default - none
   */
  readonly compression?: Compression;
  /**
   * Digests of bodies.
   *
   * @default - neither made nor verified
   */
  readonly digest?: Digest;
  /**
   * Bounds on the size of what passes.
   *
   * @default - none
   */
  readonly sizeLimits?: SizeLimits;
  /**
   * The token that each request has to have, beside the identity of its caller.
   *
   * @default - none
   */
  readonly authentication?: JwtAuthentication;
  /**
   * Faults that the service's own proxies inject, for a trial of its callers.
   *
   * @default - none
   */
  readonly faults?: Fault[];
}
