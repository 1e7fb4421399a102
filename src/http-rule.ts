import { IBackend } from './backend';
import { HashKey } from './hash-key';
import { HttpFilter } from './http-filter';
import { HttpMatch } from './http-match';
import { Retry } from './retry';
import type { ServiceVersion } from './service-version';
import { Timeout } from './timeout';

/** Options of every rule. */
export interface HttpRuleOptions {
  /**
   * Name of the rule in metrics, errors and status: a DNS label, unique in the route.
   *
   * @default - `rule-1`, `rule-2` … in the order of the route
   */
  readonly name?: string;
  /**
   * What a request must be like; any of them suffices.
   *
   * @default - every request
   */
  readonly matches?: HttpMatch[];
  /**
   * Changes of requests and responses.
   *
   * @default - none
   */
  readonly filters?: HttpFilter[];
  /**
   * How long a caller waits, instead of what the backend says.
   *
   * @default - as the backend says
   */
  readonly timeout?: Timeout;
  /**
   * What is tried again, instead of what the backend says.
   *
   * @default - as the backend says
   */
  readonly retry?: Retry;
}

/** Options of rules that choose between backends. */
export interface HttpSplitOptions extends HttpRuleOptions {
  /**
   * Requests with the same key reach the same backend. With `LoadBalancer.ringHash` they reach the same endpoint of it too.
   *
   * @default - each request for itself
   */
  readonly stickyBy?: HashKey;
}

/** A backend and its share. */
export class Weighted {
  /**
   * A share relative to the sum of all.
   *
   * @param backend a service or a version
   * @param weight a whole number, 0 to 1,000,000
   */
  public static of(backend: IBackend, weight: number): Weighted {
    return new Weighted(backend, weight);
  }

  /** @internal */
  public readonly _backend: IBackend;
  /** @internal */
  public readonly _weight: number;

  private constructor(backend: IBackend, weight: number) {
    this._backend = backend;
    this._weight = weight;
  }
}

/** What happens to requests that match. */
export class HttpRule {
  /**
   * To one backend. Blue/green is this, with the active version.
   *
   * @param backend a service (its base version) or a version
   * @param options matches, filters, bounds
   */
  public static forward(backend: IBackend, options: HttpRuleOptions = {}): HttpRule {
    return new HttpRule([Weighted.of(backend, 1)], undefined, options);
  }

  /**
   * To several backends, by weight.
   *
   * @param backends at most 16
   * @param options matches, filters, bounds, stickiness
   */
  public static split(backends: Weighted[], options: HttpSplitOptions = {}): HttpRule {
    return new HttpRule([...backends], undefined, options);
  }

  /**
   * `percent` of the requests to a version, the rest to the base version of its service.
   *
   * @param version the version that is tried out
   * @param percent a whole number, 0 to 100
   * @param options matches, filters, bounds, stickiness
   */
  public static canary(version: ServiceVersion, percent: number, options: HttpSplitOptions = {}): HttpRule {
    return new HttpRule([Weighted.of(version.service, 100 - percent), Weighted.of(version, percent)], undefined, options, percent);
  }

  /**
   * Answers with a redirect; no backend is asked.
   *
   * @param location a path such as `/new`, or a URL such as `https://shop.example/new`; what a URL leaves out is taken from the request
   * @param statusCode 301, 302, 303, 307 or 308
   * @param options matches
   */
  public static redirect(location: string, statusCode: number, options: HttpRuleOptions = {}): HttpRule {
    return new HttpRule([], { location, statusCode }, options);
  }

  /** @internal */
  public readonly _backends: readonly Weighted[];
  /** @internal */
  public readonly _redirect: { readonly location: string; readonly statusCode: number } | undefined;
  /** @internal */
  public readonly _options: HttpSplitOptions;

  /** @internal */
  public readonly _percent: number | undefined;

  private constructor(backends: readonly Weighted[], redirect: HttpRule['_redirect'], options: HttpSplitOptions, percent?: number) {
    this._backends = backends;
    this._redirect = redirect;
    this._options = options;
    this._percent = percent;
  }
}
