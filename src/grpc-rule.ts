import { IBackend } from './backend';
import { HashKey } from './hash-key';
import { HttpFilter } from './http-filter';
import { StringMatch } from './http-match';
import { Weighted } from './http-rule';
import { Retry } from './retry';
import type { ServiceVersion } from './service-version';

/**
 * What a call must be like: all given fields must match.
 *
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#grpcroutematch
 */
export interface GrpcMatch {
  /**
   * Full name of the gRPC service, such as `shop.v1.Payment`; exact, or a regular expression.
   *
   * @default - any
   */
  readonly service?: StringMatch;
  /**
   * Name of the method, such as `Authorize`; exact, or a regular expression.
   *
   * @default - any
   */
  readonly method?: StringMatch;
  /**
   * Metadata by key, in any case.
   *
   * @default - any
   */
  readonly headers?: { [name: string]: StringMatch };
}

/** Options of every rule of a `GrpcRoute`. */
export interface GrpcRuleOptions {
  /**
   * Name of the rule in metrics, errors and status: a DNS label, unique in the route.
   *
   * @default - `rule-1`, `rule-2` … in the order of the route
   */
  readonly name?: string;
  /**
   * What a call must be like; any of them suffices.
   *
   * @default - every call
   */
  readonly matches?: GrpcMatch[];
  /**
   * Changes of headers: `HttpFilter.requestHeaders` and `HttpFilter.responseHeaders`.
   *
   * @default - none
   */
  readonly filters?: HttpFilter[];
  /**
   * What is tried again, instead of what the backend says. Every call of gRPC is a POST, so `methods` must have it, and the service must declare it
   * safe to repeat (`idempotentMethods`).
   *
   * @default - as the backend says
   */
  readonly retry?: Retry;
}

/** Options of rules of a `GrpcRoute` that choose between backends. */
export interface GrpcSplitOptions extends GrpcRuleOptions {
  /**
   * Calls with the same key reach the same backend. With `LoadBalancer.ringHash` they reach the same endpoint of it too.
   *
   * @default - each call for itself
   */
  readonly stickyBy?: HashKey;
}

/**
 * What happens to the calls that match (Gateway API `GRPCRouteRule`). Of several rules that match, the one with the longest service is taken, then the
 * longest method, then the most headers.
 */
export class GrpcRule {
  /**
   * To one backend.
   *
   * @param backend a service, or one version of it
   * @param options matches, filters, retries
   */
  public static forward(backend: IBackend, options: GrpcRuleOptions = {}): GrpcRule {
    return new GrpcRule([Weighted.of(backend, 1)], options);
  }

  /**
   * To several backends, by weight.
   *
   * @param backends at most 16
   * @param options matches, filters, retries, stickiness
   */
  public static split(backends: Weighted[], options: GrpcSplitOptions = {}): GrpcRule {
    return new GrpcRule([...backends], options);
  }

  /**
   * `percent` of the calls to a version, the rest to the base version of its service.
   *
   * @param version the version that is tried out
   * @param percent a whole number, 0 to 100
   * @param options matches, filters, retries, stickiness
   */
  public static canary(version: ServiceVersion, percent: number, options: GrpcSplitOptions = {}): GrpcRule {
    return new GrpcRule([Weighted.of(version.service, 100 - percent), Weighted.of(version, percent)], options, percent);
  }

  /** @internal */
  public readonly _backends: readonly Weighted[];
  /** @internal */
  public readonly _options: GrpcSplitOptions;
  /** @internal */
  public readonly _percent: number | undefined;

  private constructor(backends: readonly Weighted[], options: GrpcSplitOptions, percent?: number) {
    this._backends = backends;
    this._options = options;
    this._percent = percent;
  }
}
