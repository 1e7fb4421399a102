import { Authorizer } from '../authorization/authorizer';
import type { LackedClaims } from '../authorization/rbac';
import type { RbacConfig } from '../config/types';
import { ERRORS } from '../error';
import { challenge } from './jwt/refusal';
import type { FilterRequest, HttpFilter, LocalReply } from './types';

/**
 * envoy.filters.http.rbac: who may ask for what. A route may bring its own rules, which replace the listener's, or switch the filter off. Whoever may
 * not gets 403 without a word about the rules; the log names the rule, or that there is none, and the identity.
 */
export class RbacFilter implements HttpFilter {
  private readonly listener: Authorizer | undefined;
  private readonly byConfig = new WeakMap<RbacConfig, Authorizer>();

  constructor(readonly name: string, config: RbacConfig | undefined) {
    this.listener = config && new Authorizer(config);
  }

  /** Of the listener's rules and of all routes' own. */
  get stats(): Authorizer['stats'] | undefined {
    return this.listener?.stats;
  }

  /** Name of the listener's rules. */
  get rules(): string | undefined {
    return this.listener?.rules;
  }

  onRequest(request: FilterRequest): LocalReply | undefined {
    const { route } = request;
    const own = route.config.filters.size === 0 ? undefined : route.config.filters.get(this.name);
    const authorizer = own === undefined ? this.listener : own.kind === 'rbac' && own.config !== undefined ? this.of(own.config) : undefined;
    const denial = authorizer?.check(request);
    if (denial === undefined) return undefined;
    const { detail, lacked } = denial;
    if (lacked !== undefined) return lackedReply(detail, lacked, request, this.rules ?? this.name);
    const { code, status, flag, problem, title, policy, grpcStatus } = authorizer!.isOutside ? ERRORS.outsideDenied : ERRORS.accessDenied;
    return { status, flag, detail, publicDetail: code, problem, title, policy: policy!, ...grpcStatus !== undefined && { grpcStatus } };
  }

  private of(config: RbacConfig): Authorizer {
    let authorizer = this.byConfig.get(config);
    if (authorizer === undefined) this.byConfig.set(config, authorizer = new Authorizer(config, this.listener?.stats));
    return authorizer;
  }
}

/** Who may, with another token: without one 401 says so, and what it needs where that is a scope (RFC 6750 §3). */
function lackedReply(detail: string, { scopes }: LackedClaims, { claims }: FilterRequest, realm: string): LocalReply {
  const row = claims === undefined ? ERRORS.tokenMissing : ERRORS.tokenInsufficient;
  const { code, status, flag, problem, title, policy, grpcStatus } = row;
  const scope: (readonly [string, string])[] = scopes.length === 0 ? [] : [['scope', scopes.join(' ')]];
  const header = claims === undefined ? challenge(realm) : challenge(realm, ['error', 'insufficient_scope'], ...scope);
  return { status, flag, detail, publicDetail: code, problem, title, policy: policy!, grpcStatus, headers: [header] };
}
