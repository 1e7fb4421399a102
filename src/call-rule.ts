import type { AllowedSpec } from './contract/authorization';
import { StringMatch } from './http-match';
import { HttpMethod } from './http-method';

/** Options of `CallRule.http`. */
export interface HttpCallOptions {
  /**
   * Methods that may be used.
   *
   * @default - any
   */
  readonly methods?: HttpMethod[];
  /**
   * Path, without the query, as it comes to the called: after what routes rewrite. `StringMatch.exact`, or `StringMatch.prefix`, which goes by whole
   * segments. A path that two servers may read in two ways, with `..`, empty segments or an encoded slash, matches no rule.
   *
   * @default - any
   */
  readonly path?: StringMatch;
}

/** One thing that a caller may ask of a service (`CallOptions.allow`). What no rule of a call allows is denied by the called. */
export class CallRule {
  /**
   * Requests of HTTP.
   *
   * @param options methods and path; what is left out is any
   */
  public static http(options: HttpCallOptions = {}): CallRule {
    const { methods, path } = options;
    return new CallRule({
      http: {
        methods: methods === undefined ? undefined : [...methods],
        path: path === undefined ? undefined : { [path._kind]: path._value },
      },
    });
  }

  /**
   * Calls of gRPC.
   *
   * @param service full name of the gRPC service, such as `shop.v1.Payment`
   * @param methods names of its methods, such as `Authorize`; any where it is left out
   */
  public static grpc(service: string, methods?: string[]): CallRule {
    return new CallRule({ grpc: { service, methods: methods === undefined ? undefined : [...methods] } });
  }

  private constructor(private readonly spec: AllowedSpec) {}

  /** @internal */
  public _toSpec(): AllowedSpec {
    return this.spec;
  }
}
