import { BlockList, isIPv6 } from 'node:net';
import type { RbacPolicyConfig, RbacRulesConfig, RbacTerm } from '../config/rbac-types';
import type { ValueMatchConfig } from '../config/types';
import { compileHeaderMatch, compileValue } from '../route/value-match';
import type { Subject } from './subject';

type Condition = (subject: Subject) => boolean;

/** What rules decide. */
export interface Decision {
  readonly allowed: boolean;
  /** Name of the policy that matched; undefined: none did. */
  readonly policy: string | undefined;
}

/** Rules of envoy.config.rbac.v3.RBAC, compiled: asked for every request, they make nothing. */
export class RbacRules {
  /** Some condition is about the path: only one that everybody reads alike can be decided on. */
  readonly readsPath: boolean;
  private readonly policies: ReadonlyArray<{ readonly decision: Decision; readonly asks: Condition; readonly isAsked: Condition }>;
  private readonly otherwise: Decision;

  /** @throws Error for a pattern that does not compile. */
  constructor({ action, policies }: RbacRulesConfig) {
    this.readsPath = policies.some(({ permissions, principals }) => [...permissions, ...principals].some(readsPath));
    this.policies = policies.map(({ name, permissions, principals }: RbacPolicyConfig) => ({
      decision: { allowed: action === 'allow', policy: name }, asks: anyOf(principals.map(compile)), isAsked: anyOf(permissions.map(compile)),
    }));
    this.otherwise = { allowed: action === 'deny', policy: undefined };
  }

  /** Whether some policy is about whoever asks, if not for this. */
  knows(subject: Subject): boolean {
    return this.policies.some(({ asks }) => asks(subject));
  }

  decide(subject: Subject): Decision {
    for (const { decision, asks, isAsked } of this.policies) if (asks(subject) && isAsked(subject)) return decision;
    return this.otherwise;
  }
}

function compile(term: RbacTerm): Condition {
  switch (term.kind) {
    case 'any': return () => true;
    case 'and': return allOf(term.terms.map(compile));
    case 'or': return anyOf(term.terms.map(compile));
    case 'not': {
      const inner = compile(term.term);
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
