import { BlockList, isIPv6 } from 'node:net';
import type { RbacPolicyConfig, RbacRulesConfig, RbacTerm } from '../config/rbac-types';
import type { ValueMatchConfig } from '../config/types';
import { compileHeaderMatch, compileValue } from '../route/value-match';
import { claimMatcher, scopesOf } from './claims';
import type { Subject } from './subject';

type Condition = (subject: Subject) => boolean;

/** What rules decide. */
export interface Decision {
  readonly allowed: boolean;
  /** Name of the policy that matched; undefined: none did. */
  readonly policy: string | undefined;
}

/** A token that says more would do. */
export interface LackedClaims {
  /** Those that it would have to have, as far as it is about scopes. */
  readonly scopes: readonly string[];
}

/** Rules of envoy.config.rbac.v3.RBAC, compiled: asked for every request, they make nothing. */
export class RbacRules {
  /** Some condition is about the path: only one that everybody reads alike can be decided on. */
  readonly readsPath: boolean;
  private readonly policies: ReadonlyArray<{ readonly decision: Decision; readonly asks: Condition; readonly isAsked: Condition }>;
  private readonly otherwise: Decision;
  /** Those that let somebody in by what a token says, as if it said that. */
  private readonly claimPolicies: readonly {
    readonly asks: Condition;
    readonly permissions: readonly { readonly isAsked: Condition; readonly scopes: readonly string[] }[];
  }[];

  /** @throws Error for a pattern that does not compile. */
  constructor({ action, policies }: RbacRulesConfig) {
    this.readsPath = policies.some(({ permissions, principals }) => [...permissions, ...principals].some(readsPath));
    this.policies = policies.map(({ name, permissions, principals }: RbacPolicyConfig) => ({
      decision: { allowed: action === 'allow', policy: name },
      asks: anyOf(principals.map((term) => compile(term))), isAsked: anyOf(permissions.map((term) => compile(term))),
    }));
    const byClaims = policies.filter(({ permissions, principals }) => action === 'allow' && [...permissions, ...principals].some(readsClaims));
    this.claimPolicies = byClaims.map(({ permissions, principals }) => ({
      asks: anyOf(principals.map((term) => compile(term, true))),
      permissions: permissions.map((term) => ({ isAsked: compile(term, true), scopes: scopesIn([term, ...principals]) })),
    }));
    this.otherwise = { allowed: action === 'deny', policy: undefined };
  }

  /** Whether some policy is about whoever asks, if not for this. */
  knows(subject: Subject): boolean {
    return this.policies.some(({ asks }) => asks(subject));
  }

  /** What tokens of the subject would have to say, where that alone is why it may not; undefined: it is not. */
  lackedClaims(subject: Subject): LackedClaims | undefined {
    for (const { asks, permissions } of this.claimPolicies) {
      if (!asks(subject)) continue;
      for (const { isAsked, scopes } of permissions) if (isAsked(subject)) return { scopes };
    }
    return undefined;
  }

  decide(subject: Subject): Decision {
    for (const { decision, asks, isAsked } of this.policies) if (asks(subject) && isAsked(subject)) return decision;
    return this.otherwise;
  }
}

/** @param assumeClaims a token says whatever it has to. */
function compile(term: RbacTerm, assumeClaims = false): Condition {
  switch (term.kind) {
    case 'any': return () => true;
    case 'and': return allOf(term.terms.map((one) => compile(one, assumeClaims)));
    case 'or': return anyOf(term.terms.map((one) => compile(one, assumeClaims)));
    case 'not': {
      const inner = compile(term.term, assumeClaims);
      return (subject) => !inner(subject);
    }
    case 'header': {
      const matches = compileHeaderMatch(term.match);
      return ({ request }) => request !== undefined && matches(request);
    }
    case 'path': {
      const matches = textMatcher(term.match);
      return ({ request }) => request !== undefined && matches(withoutQuery(request.path));
    }
    case 'port': return ({ destinationPort }) => destinationPort === term.port;
    case 'authenticated': return authenticated(term.name);
    case 'metadata': return assumeClaims ? () => true : claimMatcher(term.match);
    case 'address': {
      const block = new BlockList();
      block.addSubnet(term.prefix, term.length, isIPv6(term.prefix) ? 'ipv6' : 'ipv4');
      return ({ peerAddress }) => peerAddress !== '' && block.check(peerAddress, isIPv6(peerAddress) ? 'ipv6' : 'ipv4');
    }
  }
}

function allOf(conditions: readonly Condition[]): Condition {
  if (conditions.length === 1) return conditions[0]!;
  return (subject) => {
    for (const condition of conditions) if (!condition(subject)) return false;
    return true;
  };
}

function anyOf(conditions: readonly Condition[]): Condition {
  if (conditions.length === 1) return conditions[0]!;
  return (subject) => {
    for (const condition of conditions) if (condition(subject)) return true;
    return false;
  };
}

/** As in Envoy: the URI names of the certificate, else its DNS names, else its subject. */
function authenticated(name: ValueMatchConfig | undefined): Condition {
  if (name === undefined) return ({ peer }) => peer !== undefined;
  const matches = textMatcher(name);
  return ({ peer }) => {
    if (peer === undefined) return false;
    const names = peer.uris.length > 0 ? peer.uris : peer.dnsNames;
    if (names.length === 0) return matches(peer.subject);
    for (const candidate of names) if (matches(candidate)) return true;
    return false;
  };
}

function textMatcher(match: ValueMatchConfig): (value: string) => boolean {
  return match.kind === 'present' ? () => true : compileValue(match);
}

function readsClaims(term: RbacTerm): boolean {
  switch (term.kind) {
    case 'metadata': return true;
    case 'not': return readsClaims(term.term);
    case 'and':
    case 'or': return term.terms.some(readsClaims);
    default: return false;
  }
}

function scopesIn(terms: readonly RbacTerm[]): string[] {
  const found = terms.flatMap((term): string[] => {
    switch (term.kind) {
      case 'metadata': return scopesOf(term.match);
      case 'and':
      case 'or': return scopesIn(term.terms);
      default: return [];
    }
  });
  return [...new Set(found)];
}

function readsPath(term: RbacTerm): boolean {
  switch (term.kind) {
    case 'path': return true;
    case 'header': return term.match.name === ':path';
    case 'not': return readsPath(term.term);
    case 'and':
    case 'or': return term.terms.some(readsPath);
    default: return false;
  }
}

/** Segments that servers resolve, empty ones, and what stands for a slash or a dot in other spellings: two readers may not mean the same resource. */
const AMBIGUOUS = /\/\.{0,2}(?:\/|$)|%2f|%2e|%5c|%00|\\|;/i;

/** Whether a path is such that its upstream may read another one from it (RFC 3986 §5.2.4, §6.2.2). */
export function isAmbiguousPath(path: string): boolean {
  const plain = withoutQuery(path);
  return plain !== '/' && AMBIGUOUS.test(plain.endsWith('/') ? plain.slice(0, -1) : plain);
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
