import type { Families } from './families';

/** What a filter of faults has done. */
interface FaultStats {
  readonly delaysInjected: number;
  readonly abortsInjected: number;
  readonly activeFaults: number;
}

/** Under Envoy's names; what the filters of one chain have injected, together. */
export function collectFaults(filters: readonly { readonly stats?: unknown }[], statPrefix: string, into: Families): void {
  const all = filters.map(({ stats }) => stats).filter(isFaults);
  if (all.length === 0) return;
  const sum = (counter: keyof FaultStats): number => all.reduce((total, stats) => total + stats[counter], 0);
  const labels = { envoy_http_conn_manager_prefix: statPrefix };
  const name = (stat: string): string => `http.{envoy_http_conn_manager_prefix}.fault.${stat}`;
  into.counter('envoy_http_fault_delays_injected', 'Requests that waited by a fault', name('delays_injected')).add(labels, sum('delaysInjected'));
  into.counter('envoy_http_fault_aborts_injected', 'Requests that a fault answered', name('aborts_injected')).add(labels, sum('abortsInjected'));
  into.gauge('envoy_http_fault_active_faults', 'Requests that wait by a fault now', name('active_faults')).add(labels, sum('activeFaults'));
}

function isFaults(stats: unknown): stats is FaultStats {
  return typeof stats === 'object' && stats !== null && 'abortsInjected' in stats;
}
