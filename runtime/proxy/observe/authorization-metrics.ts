import type { Families } from './families';

/** What rules of authorization have decided, as far as it becomes a metric. */
export interface AuthorizationCounters {
  readonly allowed: number;
  readonly denied: number;
  readonly shadowAllowed: number;
  readonly shadowDenied: number;
  readonly deniedTo: ReadonlyMap<string, number>;
  readonly shadowDeniedTo: ReadonlyMap<string, number>;
}

type Count = keyof { [K in keyof AuthorizationCounters as AuthorizationCounters[K] extends number ? K : never]: 0 };

const COUNTERS: readonly (readonly [string, Count, string])[] = [
  ['allowed', 'allowed', 'Requests or connections that rules of authorization let through'],
  ['denied', 'denied', 'Requests or connections that rules of authorization denied'],
  ['shadow_allowed', 'shadowAllowed', 'Requests or connections that rules under audit would let through'],
  ['shadow_denied', 'shadowDenied', 'Requests or connections that rules under audit would deny'],
];

/** Under Envoy's names, for each chain; and who was denied, by the service that denied it. */
export function collectAuthorization(
  { statPrefix, protocol, rules }: { readonly statPrefix: string; readonly protocol: 'http' | 'tcp'; readonly rules: string }, stats: AuthorizationCounters, into: Families,
): void {
  const label = protocol === 'http' ? 'envoy_http_conn_manager_prefix' : 'envoy_tcp_prefix';
  for (const [name, counter, help] of COUNTERS) {
    into.counter(`envoy_${protocol}_rbac_${name}`, help, `${protocol}.{${label}}.rbac.${name}`).add({ [label]: statPrefix }, stats[counter]);
  }
  const denied = (mode: 'enforce' | 'audit', counts: ReadonlyMap<string, number>): void => {
    for (const [caller, count] of counts) {
      into.counter('meshwright_authorization_denied_total', 'Denied, or under audit only counted, by who asked', 'authorization.{mode}.{service}.{caller}.denied')
        .add({ mode, service: rules, caller }, count);
    }
  };
  denied('enforce', stats.deniedTo);
  denied('audit', stats.shadowDeniedTo);
}

export function isAuthorization(stats: unknown): stats is AuthorizationCounters {
  return typeof stats === 'object' && stats !== null && 'shadowDeniedTo' in stats;
}
