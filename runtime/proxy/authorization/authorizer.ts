import type { RbacConfig } from '../config/rbac-types';
import { isAmbiguousPath, RbacRules } from './rbac';
import { nameOfPeer, type Subject } from './subject';

/** How often was decided what: Envoy's `rbac.*`. */
export class RbacStats {
  allowed = 0;
  denied = 0;
  shadowAllowed = 0;
  shadowDenied = 0;
}

/** A subject may not: what stands in logs. */
export interface Denial {
  /** RESPONSE_CODE_DETAILS: which policy denied it, or that none allows it, whom, and what. */
  readonly detail: string;
}

/** Decides by the rules of one filter, counts, and says for logs why somebody may not. */
export class Authorizer {
  private readonly rules: RbacRules | undefined;
  private readonly shadow: RbacRules | undefined;

  constructor(private readonly config: RbacConfig, readonly stats = new RbacStats()) {
    this.rules = config.rules && new RbacRules(config.rules);
    this.shadow = config.shadow && new RbacRules(config.shadow);
  }

  /** Undefined: it may. */
  check(subject: Subject): Denial | undefined {
    const { rules, shadow, stats } = this;
    if (shadow !== undefined) {
      if (this.allows(shadow, subject)) stats.shadowAllowed++;
      else stats.shadowDenied++;
    }
    if (rules === undefined) return undefined;
    if (this.allows(rules, subject)) {
      stats.allowed++;
      return undefined;
    }
    stats.denied++;
    return { detail: this.explain(rules, subject) };
  }

  private allows(rules: RbacRules, subject: Subject): boolean {
    const { request } = subject;
    if (request !== undefined && rules.readsPath && isAmbiguousPath(request.path)) return false;
    return rules.decide(subject).allowed;
  }

  private explain(rules: RbacRules, subject: Subject): string {
    const { request, destinationPort } = subject;
    const { policy } = rules.decide(subject);
    const ambiguous = request !== undefined && rules.readsPath && isAmbiguousPath(request.path);
    const why = ambiguous ? 'path is ambiguous' : policy === undefined ? 'no policy allows' : `denied by ${policy}`;
    const what = request === undefined ? `port ${destinationPort}` : `${request.method} ${withoutQuery(request.path)}`;
    return `rbac_access_denied{${this.config.statPrefix}: ${why}: ${nameOfPeer(subject)}: ${what}}`;
  }
}

/** A query may hold secrets. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
