import { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { HashKeySpec } from './private/spec';

/** Options of `HashKey.cookie`. */
export interface CookieKeyOptions {
  /**
   * Lifetime of the cookie that the proxy sets where it is missing.
   *
   * @default - none is set: a request without the cookie goes anywhere
   */
  readonly ttl?: Duration;
}

/** What is hashed to pick an endpoint or a version (xDS `RouteAction.hash_policy`). */
export class HashKey {
  /**
   * A request header.
   *
   * @param name the field name, in any case
   */
  public static header(name: string): HashKey {
    return new HashKey({ header: name.toLowerCase() });
  }

  /**
   * A cookie.
   *
   * @param name the name of the cookie
   * @param options whether one is set where it is missing
   */
  public static cookie(name: string, options: CookieKeyOptions = {}): HashKey {
    return new HashKey({ cookie: { name, ttl: gep2257(options.ttl) } });
  }

  /**
   * A parameter of the query, the first of that name.
   *
   * @param name the name of the parameter
   */
  public static queryParam(name: string): HashKey {
    return new HashKey({ queryParam: name });
  }

  /** The client's address. */
  public static sourceIp(): HashKey {
    return new HashKey({ sourceIp: {} });
  }

  private constructor(private readonly spec: HashKeySpec) {}

  /** @internal */
  public _toSpec(): HashKeySpec {
    return this.spec;
  }
}
