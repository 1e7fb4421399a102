import type { TokenProblem } from './token';

interface Counted {
  readonly hits: number;
  readonly misses: number;
  readonly remote: { readonly fetched: number; readonly failed: number } | undefined;
}

/** Envoy's `jwt_authn.*`, and refusals by their reason. */
export class JwtStats {
  allowed = 0;
  denied = 0;
  corsPreflightBypassed = 0;
  readonly deniedFor = new Map<TokenProblem, number>();

  constructor(private readonly providers: readonly Counted[]) {}

  deny(problem: TokenProblem): void {
    this.denied++;
    this.deniedFor.set(problem, (this.deniedFor.get(problem) ?? 0) + 1);
  }

  get jwtCacheHit(): number {
    return this.sum(({ hits }) => hits);
  }

  get jwtCacheMiss(): number {
    return this.sum(({ misses }) => misses);
  }

  get jwksFetchSuccess(): number {
    return this.sum(({ remote }) => remote?.fetched ?? 0);
  }

  get jwksFetchFailed(): number {
    return this.sum(({ remote }) => remote?.failed ?? 0);
  }

  private sum(of: (provider: Counted) => number): number {
    return this.providers.reduce((sum, provider) => sum + of(provider), 0);
  }
}
