import { TokenIssuer, type TokenClaims } from '../runtime/local/token-issuer';
import type { Stub } from './stub-service';

/**
 * An OpenID provider that a test plays: it answers for itself, and makes the tokens that services with `JwtAuthentication` ask for.
 *
 * ```ts
 * const login = new TestIssuer('https://login.example');
 * const mesh = await TestMesh.of(app, { outside: login.outside });
 * const token = login.token({ aud: 'payment', sub: 'ann', scope: 'payments:write' }, mesh);
 * await mesh.request('order', 'http://payment/', { headers: { authorization: `Bearer ${token}` } });
 * ```
 */
export class TestIssuer {
  /** What plays it: its discovery document, and its keys. For `TestMeshOptions.outside`. */
  readonly outside: Readonly<Record<string, Stub>>;
  private readonly tokens: TokenIssuer;

  /**
   * @param issuer `iss` of its tokens, exactly as the program has it
   * @param jwksPath where its keys are, for a program that names them by `JwtAuthentication.jwks`
   */
  constructor(readonly issuer: string, jwksPath = '/jwks') {
    this.tokens = new TokenIssuer(issuer);
    const { host, origin, pathname } = new URL(issuer);
    const discovery = `${pathname.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const stub: Stub = ({ path }) => {
      if (path === discovery) return { body: { issuer, jwks_uri: `${origin}${jwksPath}` } };
      return path === jwksPath ? { body: this.tokens.jwks() } : { status: 404 };
    };
    this.outside = { [host]: stub };
  }

  /**
   * A token.
   *
   * @param claims what it says: `aud` and `sub`, mostly. It is good for an hour of the mesh's time, unless `exp` is said.
   * @param mesh whose time it is
   */
  token(claims: Readonly<Record<string, unknown>>, mesh: { readonly clock: { wallTime(): number } }): string {
    return this.tokens.token(claims satisfies TokenClaims, mesh.clock.wallTime());
  }
}
