import type { ClaimSpec } from './contract/authentication';
import type { AllowedSpec } from './contract/authorization';
import { StringMatch } from './http-match';
import { HttpMethod } from './http-method';
import { Claim } from './jwt-authentication';
import { specOf } from './private/given';

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
  /**
   * What the token of the request has to say, all of it. The service that is called has to check tokens (`authentication`).
   *
   * @default - nothing
   */
  readonly claims?: Claim[];
}

/** One thing that a caller may ask of a service (`CallOptions.allow`). What no rule of a call allows is denied by the called. */
export class CallRule {
  /**
   * Requests of HTTP.
   *
   * @param options methods and path; what is left out is any
   */
  public static http(options: HttpCallOptions = {}): CallRule {
    const { methods, path, claims } = options;
    return new CallRule({
      http: {
        methods: methods === undefined ? undefined : [...methods],
        path: path === undefined ? undefined : { [path._kind]: path._value },
        claims: claimsOf(claims),
      },
    });
  }

  /**
   * Calls of gRPC.
   *
   * @param service full name of the gRPC service, such as `shop.v1.Payment`
   * @param methods names of its methods, such as `Authorize`; any where it is left out
   * @param claims what the token of the call has to say, all of it; nothing where it is left out
   */
  public static grpc(service: string, methods?: string[], claims?: Claim[]): CallRule {
    return new CallRule({ grpc: { service, methods: methods === undefined ? undefined : [...methods], claims: claimsOf(claims) } });
  }

  private constructor(private readonly spec: AllowedSpec) {}

  /** @internal */
  public _toSpec(): AllowedSpec {
    return this.spec;
  }
}

/** What stands for claims that are none, the contract says. */
function claimsOf(claims: Claim[] | undefined): ClaimSpec[] | undefined {
  return Array.isArray(claims) ? claims.map((claim) => specOf(claim)!) : claims;
}
