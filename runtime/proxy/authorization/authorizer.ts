import type { RbacConfig } from '../config/rbac-types';
import { isAmbiguousPath, RbacRules, type LackedClaims } from './rbac';
import { nameOfPeer, type Subject } from './subject';

/** Whom a metric names apart; of more they are one. */
const MOST_NAMES = 100;
const OTHERS = 'others';
/** Begins the name of rules about what leaves the mesh. The rest is who is judged: nobody else connects there, and without a certificate. */
const OUTSIDE = 'outside:';

/** How often was decided what: Envoy's `rbac.*`. */
export class RbacStats {
  allowed = 0;
  denied = 0;
  shadowAllowed = 0;
  shadowDenied = 0;
  /** Denials by who was denied; of what is counted only, by who would be. */
  readonly deniedTo = new Map<string, number>();
  readonly shadowDeniedTo = new Map<string, number>();
}

/** Addresses of whoever has no identity are no names: there is no end of them. */
function countFor(counts: Map<string, number>, subject: Subject, caller: string | undefined): void {
  const name = caller ?? (subject.peer === undefined ? 'unknown' : nameOfPeer(subject));
  const key = counts.has(name) || counts.size < MOST_NAMES ? name : OTHERS;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** A subject may not: what stands in logs. */
export interface Denial {
  /** RESPONSE_CODE_DETAILS: which policy denied it, or that none allows it, whom, and what. */
  readonly detail: string;
  /** Another token would do. */
  readonly lacked?: LackedClaims;
}

/** Decides by the rules of one filter, counts, and says for logs why somebody may not. */
export class Authorizer {
  private readonly enforced: RbacRules | undefined;
  private readonly shadow: RbacRules | undefined;
  private readonly caller: string | undefined;

  constructor(private readonly config: RbacConfig, readonly stats = new RbacStats()) {
    this.enforced = config.rules && new RbacRules(config.rules);
    this.shadow = config.shadow && new RbacRules(config.shadow);
    this.caller = config.statPrefix.startsWith(OUTSIDE) ? config.statPrefix.slice(OUTSIDE.length) : undefined;
  }

  /** Their name in logs and metrics. */
  get rules(): string {
    return this.isOutside ? 'outside' : this.config.statPrefix;
  }

  /** What is judged leaves the mesh. */
  get isOutside(): boolean {
    return this.caller !== undefined;
  }

  /** Undefined: it may. */
  check(subject: Subject): Denial | undefined {
    const { enforced: rules, shadow, stats } = this;
    if (shadow !== undefined) {
      if (this.allows(shadow, subject)) stats.shadowAllowed++;
      else this.shadowDeny(subject);
    }
    if (rules === undefined) return undefined;
    if (this.allows(rules, subject)) {
      stats.allowed++;
      return undefined;
    }
    stats.denied++;
    countFor(stats.deniedTo, subject, this.caller);
    const lacked = this.lacked(rules, subject);
    return { detail: this.explain(rules, subject, lacked), lacked };
  }

  private shadowDeny(subject: Subject): void {
    this.stats.shadowDenied++;
    countFor(this.stats.shadowDeniedTo, subject, this.caller);
  }

  private allows(rules: RbacRules, subject: Subject): boolean {
    const { request } = subject;
    if (request !== undefined && rules.readsPath && isAmbiguousPath(request.path)) return false;
    return rules.decide(subject).allowed;
  }

  private lacked(rules: RbacRules, subject: Subject): LackedClaims | undefined {
    if (subject.request !== undefined && rules.readsPath && isAmbiguousPath(subject.request.path)) return undefined;
    return rules.lackedClaims(subject);
  }

  /** What was asked for, and what would have allowed it. */
  private explain(rules: RbacRules, subject: Subject, lacked: LackedClaims | undefined): string {
    const { request, destinationPort } = subject;
    const { caller } = this;
    if (caller !== undefined) {
      return denial(`no rule allows ${caller} → ${meant(subject)}; declare an ExternalService and calls(…) to it in ${caller}, or allow it by outsideTraffic`);
    }
    const { policy } = rules.decide(subject);
    const who = nameOfPeer(subject);
    const called = this.config.statPrefix;
    const what = `${who} → ${called}: ${request === undefined ? `port ${destinationPort}` : `${request.method} ${withoutQuery(request.path)}`}`;
    if (request !== undefined && rules.readsPath && isAmbiguousPath(request.path)) return denial(`${what}; no rule is about a path that can be read in two ways`);
    if (policy !== undefined) return denial(`${policy} denies ${what}`);
    if (subject.peer === undefined) return denial(`no rule allows ${what}; callers need a certificate of the mesh`);
    if (lacked !== undefined) {
      const token = lacked.scopes.length === 0 ? 'other claims' : `scope ${lacked.scopes.join(' or ')}`;
      return denial(`no rule allows ${what}; its token needs ${token}`);
    }
    const fix = rules.knows(subject) ? `add it to what ${who} may ask for (allow)` : `declare calls(${called}) in ${who}`;
    return denial(`no rule allows ${what}; ${fix}`);
  }
}

function denial(why: string): string {
  return `rbac_access_denied{${why}}`;
}

/** Where something outside of the mesh is: by the name that was asked for, else by its address. */
function meant({ request, serverName = '', destination, destinationPort }: Subject): string {
  if (request !== undefined) return `http://${request.authority}`;
  const place = destination === undefined ? `port ${destinationPort}` : `${destination.address.includes(':') ? `[${destination.address}]` : destination.address}:${destination.port}`;
  return serverName === '' ? place : `${serverName} at ${place}`;
}

/** A query may hold secrets. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
