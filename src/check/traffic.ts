import { formatDuration, parseDuration } from '../contract/duration';
import type { MeshServiceSpec } from '../contract/mesh-service';
import type { MeshGraph, ServiceNode } from './graph';
import { hostOf, viewOf } from './view';

export type Retry = NonNullable<MeshServiceSpec['retry']>;

/**
 * One way in which a call to a service is made: the bounds that then hold. A service has one; each rule of a route that says more, and each caller
 * with a timeout of its own, makes another.
 */
export interface Way {
  /** Construct that brings it about. */
  readonly path: string;
  /** What of the construct it is; empty for the service's own. */
  readonly label: string;
  /** Milliseconds. */
  readonly total: number | undefined;
  /** Milliseconds. */
  readonly perTry: number | undefined;
  readonly retry: Retry | undefined;
}

/** A program writes few different durations, and each check asks for them again. */
const parsed = new Map<string, number | undefined>();

/** Milliseconds of a duration of a document that the contract has accepted. */
export function ms(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let milliseconds = parsed.get(text);
  if (milliseconds === undefined) parsed.set(text, milliseconds = parseDuration(text));
  return milliseconds;
}

/** Milliseconds as findings show them. */
export function shownMs(milliseconds: number): string {
  return Number.isInteger(milliseconds) ? formatDuration(milliseconds) : `${milliseconds}ms`;
}

/**
 * The ways in which the service is called. A caller's own timeout stands instead of the service's as a whole; what a rule says stands instead of
 * the service's member by member.
 */
export function waysTo(graph: MeshGraph, service: ServiceNode): readonly Way[] {
  let ways = known.get(service);
  if (ways === undefined) known.set(service, ways = findWays(graph, service));
  return ways;
}

const known = new WeakMap<ServiceNode, readonly Way[]>();

function findWays(graph: MeshGraph, service: ServiceNode): Way[] {
  const view = viewOf(graph);
  const { timeout, retry } = service.spec;
  const own: Way = { path: service.path, label: '', total: ms(timeout?.total), perTry: ms(timeout?.perTry), retry };
  const ways = [own];
  for (const route of view.routes.get(service.key) ?? []) {
    for (const rule of route.rules) {
      if (rule.redirect || (rule.totalTimeout ?? rule.perTryTimeout ?? rule.retry) === undefined) continue;
      ways.push({
        path: route.path,
        label: `rule ${rule.name}: `,
        total: rule.totalTimeout ?? own.total,
        perTry: rule.perTryTimeout ?? own.perTry,
        retry: rule.retry ?? retry,
      });
    }
  }
  for (const { caller, call } of view.incoming.get(service.key) ?? []) {
    const bounds = boundsOfCall(caller, call.service, call.namespace);
    if (bounds !== undefined) ways.push({ path: caller.path, label: `calls(${hostOf(call)}): `, ...bounds, retry });
  }
  return ways;
}

/** The timeout that a caller sets on one of its calls. */
export function boundsOfCall(caller: ServiceNode, service: string, namespace: string): Pick<Way, 'total' | 'perTry'> | undefined {
  const timeout = caller.spec.calls?.find((one) => one.service === service && one.namespace === namespace)?.timeout;
  return timeout === undefined ? undefined : { total: ms(timeout.total), perTry: ms(timeout.perTry) };
}

/** Waits between the tries, the longest that they may be: each is twice the one before, up to the longest; jitter only makes them shorter. */
export function backoffs({ attempts, backoff }: Retry): number[] {
  const base = ms(backoff.baseInterval)!;
  const most = ms(backoff.maxInterval)!;
  return Array.from({ length: attempts }, (_, retry) => Math.min(base * 2 ** retry, most));
}

/** Sum of the waits between the tries. */
export function backoffSum(retry: Retry): number {
  return backoffs(retry).reduce((sum, wait) => sum + wait, 0);
}

/** Tries of one call. */
export function tries(retry: Retry | undefined): number {
  return 1 + (retry?.attempts ?? 0);
}

/** The longest that a call may take; undefined where nothing bounds it. */
export function longest({ total, perTry, retry }: Omit<Way, 'path' | 'label'>): number | undefined {
  if (perTry === undefined) return total;
  const all = tries(retry) * perTry + (retry === undefined ? 0 : backoffSum(retry));
  return total === undefined ? all : Math.min(total, all);
}

/** Requests a second that one replica admits: the strictest of its limits. */
export function admittedByReplica({ rateLimits = [] }: MeshServiceSpec): number | undefined {
  const rates = rateLimits.map(({ requests, interval }) => requests * 1000 / ms(interval)!);
  return rates.length === 0 ? undefined : Math.min(...rates);
}

let format: Intl.NumberFormat | undefined;

/** A number as findings show it: at most three digits after the point, thousands apart. */
export function shownNumber(value: number): string {
  // Made once: it takes longer than a check of a whole service.
  format ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 3 });
  return format.format(value);
}
