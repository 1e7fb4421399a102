import { Duration } from 'cdk8s';
import type { ClaimSpec } from './contract/authentication';
import { StringMatch } from './http-match';
import { gep2257 } from './private/duration';
import type { Spec } from './private/spec';

/** Whether a request may come without a token. */
export enum TokenRequirement {
  /** Without a token it is answered 401, with `WWW-Authenticate`. */
  REQUIRED = 'required',
  /** Without a token it passes, as far as rules let it; one that is wrong is answered 401 all the same. */
  OPTIONAL = 'optional',
}

/** Options of a token check. */
export interface JwtOptions {
  /** Accepted `aud` values: a token that has none of them is for somebody else. */
  readonly audiences: string[];
  /**
   * Whether a request may come without a token.
   *
   * @default TokenRequirement.REQUIRED
   */
  readonly token?: TokenRequirement;
  /**
   * Claims that the application gets as request headers, by the header's name: `{ 'x-user': 'sub', 'x-tenant': 'org.tenant' }`. Names begin with `x-`. What
   * callers send under these names is removed, so that the application may trust them. A claim is named by its name, or by names with dots between them where
   * it is inside of another. Text comes as it is, numbers and truth values in letters, all else as JSON in base64.
   *
   * @default - none
   */
  readonly claimHeaders?: { [header: string]: string };
  /**
   * Whether the application gets the token too. An application that does not have it cannot leak it, nor use it elsewhere; one that calls others in the name of
   * whoever called it needs it.
   *
   * @default false
   */
  readonly forwardToken?: boolean;
  /**
   * Paths that need no token, such as one for probes: `StringMatch.exact`, or `StringMatch.prefix`, which goes by whole segments. A path that two servers may
   * read in two ways is none of them. Their requests get no claim headers.
   *
   * @default - none
   */
  readonly pathsWithoutToken?: StringMatch[];
  /**
   * Authorities that the certificates of the issuer, and of where its keys are, have to come from, in PEM.
   *
   * @default - the public ones, as the images of the planes have them
   */
  readonly caCertificates?: string;
  /**
   * What clocks of the issuer and of proxies may differ by.
   *
   * @default Duration.seconds(60)
   */
  readonly clockSkew?: Duration;
  /**
   * How long keys are good that a proxy has fetched; it fetches new ones before that is over. A key that the issuer withdraws is taken for so long.
   *
   * @default Duration.minutes(10)
   */
  readonly refreshKeysAfter?: Duration;
  /**
   * How long the last known keys stay good beyond that while the issuer cannot be reached, so that its outage is none of the service. `Duration.seconds(0)` fails
   * closed: tokens are then answered 503.
   *
   * @default Duration.hours(24)
   */
  readonly keepKeysFor?: Duration;
}

interface Provider {
  readonly issuer: string;
  readonly jwksUri: string | undefined;
  readonly options: JwtOptions;
}

/**
 * Checks the bearer token (RFC 6750) of every request, by the service's own proxy: a JSON Web Token (RFC 7519) of an issuer, signed with RSA (RS256 to PS512),
 * ECDSA (ES256 to ES512) or Ed25519 (EdDSA), for one of the audiences, that expires and has not yet. Anything else is answered 401 with
 * `WWW-Authenticate`: no token, `alg: none`, a shared secret, a key that is not the issuer's. What a token says can be asked for by the rules of calls
 * (`CallRule`), and reaches the application in headers. It is beside the identity of the caller, which mutual TLS proves.
 */
export class JwtAuthentication {
  /**
   * Of an OpenID provider, which says where its keys are (OpenID Connect Discovery 1.0): the control plane asks it, and goes on with what it last heard.
   *
   * @param issuer `iss` of its tokens, exactly, such as `https://login.example`
   * @param options audiences, and what becomes of claims
   */
  public static oidc(issuer: string, options: JwtOptions): JwtAuthentication {
    return new JwtAuthentication([{ issuer, jwksUri: undefined, options }]);
  }

  /**
   * Of an issuer whose keys are at a URL (RFC 7517). Proxies fetch them, over TLS with a certificate of a public authority where it is https.
   *
   * @param issuer `iss` of its tokens, exactly
   * @param jwksUri where its keys are, such as `https://login.example/jwks`
   * @param options audiences, and what becomes of claims
   */
  public static jwks(issuer: string, jwksUri: string, options: JwtOptions): JwtAuthentication {
    return new JwtAuthentication([{ issuer, jwksUri, options }]);
  }

  /**
   * Of one of several issuers, such as one of customers and one of staff: a token is judged by the issuer that it names, for the audiences and with the
   * headers of that one. Headers of claims of all of them are removed from what callers send. Rules of calls that only tokens of one may meet ask for it:
   * `Claim.exactly('iss', 'https://staff.example')`.
   *
   * @param first whose `token` and `pathsWithoutToken` are those of the service
   * @param others which say neither; four issuers in all at most
   */
  public static anyOf(first: JwtAuthentication, ...others: JwtAuthentication[]): JwtAuthentication {
    for (const { issuer, options: { token, pathsWithoutToken } } of others.flatMap(({ providers }) => providers)) {
      if (token === undefined && pathsWithoutToken === undefined) continue;
      const member = token === undefined ? 'pathsWithoutToken' : 'token';
      throw new Error(`JwtAuthentication.anyOf: ${member} of ${issuer}: is said by the first alone, as it is about requests without a token; write it there`);
    }
    return new JwtAuthentication([first, ...others].flatMap(({ providers }) => providers));
  }

  private constructor(private readonly providers: readonly Provider[]) {}

  /** @internal */
  public _toSpec(): Spec<'authentication'> {
    const { token, pathsWithoutToken = [] } = this.providers[0]!.options;
    return {
      jwt: {
        providers: this.providers.map(providerSpec),
        token: token ?? TokenRequirement.REQUIRED,
        withoutToken: pathsWithoutToken.length === 0 ? undefined : pathsWithoutToken.map(({ _kind, _value }) => ({ [_kind]: _value })),
      },
    };
  }
}

function providerSpec({ issuer, jwksUri, options }: Provider): Spec<'authentication'>['jwt']['providers'][number] {
  const headers = Object.entries(options.claimHeaders ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    issuer,
    ...jwksUri === undefined ? { discovery: {} } : { jwksUri },
    caCertificates: options.caCertificates,
    audiences: options.audiences,
    clockSkew: gep2257(options.clockSkew) ?? '1m',
    forwardToken: options.forwardToken ?? false,
    claimHeaders: headers.length === 0 ? undefined : headers.map(([header, claim]) => ({ header, claim })),
    keys: { refreshAfter: gep2257(options.refreshKeysAfter) ?? '10m', keepFor: gep2257(options.keepKeysFor) ?? '24h' },
  };
}

/** What a token has to say, for a rule of a call (`CallRule`). The service that is called has to check tokens: `authentication`. */
export class Claim {
  /**
   * A scope of OAuth 2.0 (RFC 6749 §3.3): one of the words of `scope`. Who lacks it hears which, in `WWW-Authenticate`.
   *
   * @param name such as `payments:write`
   */
  public static scope(name: string): Claim {
    return new Claim({ name: 'scope', contains: name });
  }

  /**
   * A claim that is exactly this text.
   *
   * @param name of the claim, or names with dots between them where it is inside of another: `org.tenant`
   * @param value its text
   */
  public static exactly(name: string, value: string): Claim {
    return new Claim({ name, equals: value });
  }

  /**
   * A claim that is a list with this text in it, or this text itself.
   *
   * @param name of the claim, such as `groups`
   * @param value one of its values
   */
  public static contains(name: string, value: string): Claim {
    return new Claim({ name, contains: value });
  }

  private constructor(private readonly spec: ClaimSpec) {}

  /** @internal */
  public _toSpec(): ClaimSpec {
    return this.spec;
  }
}
