import type { Clock } from '../../../clock';
import { isAmbiguousPath } from '../../authorization/rbac';
import type { HeaderMutation, JwtConfig, JwtOfRoute, JwtRequirement } from '../../config/types';
import { compileRouteMatch, type RequestMatch } from '../../route/match';
import { HELD, type FilterRequest, type HeldRequest, type HttpFilter, type LocalReply } from '../types';
import type { KeyStore } from './key-store';
import { Provider, type Awaits, type Verified } from './provider';
import { refusal } from './refusal';
import type { RemoteKeys } from './remote-keys';
import { JwtStats } from './stats';
import type { TokenProblem } from './token';

interface Rule {
  readonly matches: RequestMatch;
  readonly requires: JwtRequirement | undefined;
}

interface Waiter {
  held: HeldRequest | undefined;
  readonly requirement: JwtRequirement;
  awaited: RemoteKeys;
  readonly wake: () => void;
}

/** A route names a requirement that is not there. */
const NOBODY: JwtRequirement = { kind: 'any', of: [] };

/** What is left of a requirement; undefined: nothing. */
type Outcome = Awaits | TokenProblem | undefined;

/** Of several problems the one that says most: another issuer's token is only that, where a second provider was asked too. */
const SAYS_LITTLE: ReadonlySet<TokenProblem> = new Set(['missing', 'issuer']);

/**
 * envoy.filters.http.jwt_authn: a request has the token that the first rule asks for which matches it, or its route's own. Claims become request headers,
 * which nobody else may send, and are there for the rules of `rbac` behind it. A token is verified where it stands, without a promise; a request is held only
 * where a key has to be fetched.
 */
export class JwtFilter implements HttpFilter {
  readonly stats: JwtStats;
  /** Keys that are fetched for it. */
  readonly remoteKeys: readonly RemoteKeys[];
  private readonly providers: ReadonlyMap<string, Provider>;
  private readonly rules: readonly Rule[];
  private readonly named: ReadonlyMap<string, JwtRequirement>;
  private readonly bypassCorsPreflight: boolean;
  /** Headers that are made of claims are made by nobody else. */
  private readonly sanitizing: HeaderMutation | undefined;
  private readonly everyProvider: readonly JwtRequirement[];
  /** Requests that are held, each for keys. */
  private readonly waiters = new Map<FilterRequest, Waiter>();
  /** Of the request that is being looked at. */
  private readonly found: { readonly provider: Provider; readonly verified: Verified }[] = [];

  /** @throws Error for keys or patterns that cannot be used. */
  constructor(readonly name: string, config: JwtConfig | undefined, private readonly clock: Clock, keys: KeyStore) {
    const { providers = [], rules = [], named = new Map(), bypassCorsPreflight = false } = config ?? {};
    const sanitized = [...new Set(providers.flatMap(({ claimHeaders, payloadHeader }) =>
      [...claimHeaders.map(({ header }) => header), ...payloadHeader ? [payloadHeader.name] : []]))];
    this.sanitizing = sanitized.length === 0 ? undefined : { remove: sanitized, set: [], append: [] };
    this.providers = new Map(providers.map((provider) => [provider.name, new Provider(provider, keys, sanitized)]));
    this.everyProvider = providers.map((provider) => ({ kind: 'provider', provider: provider.name, audiences: undefined }));
    this.rules = rules.map((rule) => ({ matches: compileRouteMatch(rule), requires: rule.requires }));
    this.named = named;
    this.bypassCorsPreflight = bypassCorsPreflight;
    this.remoteKeys = [...this.providers.values()].flatMap(({ remote }) => remote ?? []);
    this.stats = new JwtStats([...this.providers.values()]);
  }

  onRequest(request: FilterRequest): LocalReply | typeof HELD | undefined {
    const requirement = this.requirementOf(request);
    if (requirement === undefined) {
      if (this.sanitizing !== undefined) request.changeHeaders(this.sanitizing);
      return undefined;
    }
    const outcome = this.judge(requirement, request);
    return typeof outcome === 'object' ? this.hold(request, requirement, outcome.awaits) : this.conclude(request, outcome);
  }

  /** The request goes on, or is answered, when the keys are there, or are known not to come. */
  private hold(request: FilterRequest, requirement: JwtRequirement, awaited: RemoteKeys): LocalReply | typeof HELD | undefined {
    const waiter: Waiter = { held: undefined, requirement, awaited, wake: () => this.wake(waiter) };
    if (!awaited.wait(waiter.wake)) return this.conclude(request, 'keys_unavailable');
    waiter.held = request.hold();
    this.waiters.set(request, waiter);
    return HELD;
  }

  private wake(waiter: Waiter): void {
    const held = waiter.held!;
    const { request } = held;
    if (request === undefined) return;
    const outcome = this.judge(waiter.requirement, request);
    if (typeof outcome === 'object' && outcome.awaits.wait(waiter.wake)) {
      waiter.awaited = outcome.awaits;
      return;
    }
    this.waiters.delete(request);
    held.proceed(this.conclude(request, typeof outcome === 'object' ? 'keys_unavailable' : outcome));
  }

  onGone(request: FilterRequest): void {
    const waiter = this.waiters.get(request);
    if (waiter === undefined) return;
    this.waiters.delete(request);
    waiter.awaited.forget(waiter.wake);
  }

  private requirementOf(request: FilterRequest): JwtRequirement | undefined {
    const { filters } = request.route.config;
    const own = filters.size === 0 ? undefined : filters.get(this.name);
    if (own !== undefined) {
      const config: JwtOfRoute | undefined = own.kind === 'jwt' ? own.ofRoute : undefined;
      // A route that names nothing that there is asks for what nobody has.
      return config === undefined || config.disabled ? undefined : this.named.get(config.requirement) ?? NOBODY;
    }
    if (this.bypassCorsPreflight && isPreflight(request)) {
      this.stats.corsPreflightBypassed++;
      return undefined;
    }
    for (const { matches, requires } of this.rules) {
      // What asks for nothing is about paths that everybody reads alike, or it would be a way around what does.
      if (matches(request) && (requires !== undefined || !isAmbiguousPath(request.path))) return requires;
    }
    return undefined;
  }

  private judge(requirement: JwtRequirement, request: FilterRequest): Outcome {
    this.found.length = 0;
    return this.evaluate(requirement, request);
  }

  private evaluate(requirement: JwtRequirement, request: FilterRequest): Outcome {
    switch (requirement.kind) {
      case 'provider': {
        const provider = this.providers.get(requirement.provider)!;
        const token = provider.find(request);
        if (token === undefined) return 'missing';
        const verified = provider.verify(token, this.clock.wallTime(), requirement.audiences);
        if (typeof verified === 'string' || 'awaits' in verified) return verified;
        this.found.push({ provider, verified });
        return undefined;
      }
      case 'all':
        for (const part of requirement.of) {
          const outcome = this.evaluate(part, request);
          if (outcome !== undefined) return outcome;
        }
        return undefined;
      case 'any': return this.any(requirement.of, request);
      case 'allow_missing': return this.hasToken(request) ? this.any(this.everyProvider, request) : undefined;
      case 'allow_missing_or_failed': return undefined;
    }
  }

  /** The first that is met. What allows a token to be missing counts last, wherever it stands, as in Envoy: it excuses none that is wrong. */
  private any(parts: readonly JwtRequirement[], request: FilterRequest): Outcome {
    let problem: TokenProblem = 'missing';
    let excused: JwtRequirement['kind'] | undefined;
    const before = this.found.length;
    for (const part of parts) {
      if (part.kind === 'allow_missing' || part.kind === 'allow_missing_or_failed') {
        if (excused !== 'allow_missing_or_failed') excused = part.kind;
        continue;
      }
      const outcome = this.evaluate(part, request);
      if (typeof outcome !== 'string') return outcome;
      this.found.length = before;
      if (problem === 'missing' || !SAYS_LITTLE.has(outcome)) problem = outcome === 'missing' ? problem : outcome;
    }
    return excused === 'allow_missing_or_failed' || (excused === 'allow_missing' && problem === 'missing') ? undefined : problem;
  }

  private hasToken(request: FilterRequest): boolean {
    for (const provider of this.providers.values()) if (provider.find(request) !== undefined) return true;
    return false;
  }

  private conclude(request: FilterRequest, problem: TokenProblem | undefined): LocalReply | undefined {
    const { found, stats, sanitizing } = this;
    if (problem !== undefined) {
      stats.deny(problem);
      return refusal(problem, this.realm);
    }
    stats.allowed++;
    if (sanitizing !== undefined && found.length === 0) request.changeHeaders(sanitizing);
    for (let i = 0; i < found.length; i++) {
      const { provider, verified } = found[i];
      request.changeHeaders(verified.headers);
      if (provider.config.metadataKey !== undefined) request.setClaims(provider.config.metadataKey, verified.claims);
    }
    found.length = 0;
    return undefined;
  }

  private get realm(): string {
    return this.providers.keys().next().value ?? this.name;
  }
}

/** A CORS preflight has no token: a browser sends none (Fetch §4.8). */
function isPreflight(request: FilterRequest): boolean {
  return request.method === 'OPTIONS' && Boolean(request.header('origin')) && Boolean(request.header('access-control-request-method'));
}
