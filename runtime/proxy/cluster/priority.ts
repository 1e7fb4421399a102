/**
 * How load spreads over priorities, with Envoy's integer arithmetic, so that both send the same percentages. Pure: health in, percent out.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority
 */

/** Hosts of one priority: all of them, and the healthy ones. */
export interface PriorityHealth {
  readonly total: number;
  readonly healthy: number;
}

export interface PriorityLoad {
  /** Percent of the requests for each priority; sums to 100. */
  readonly load: readonly number[];
  /** Priorities whose health is ignored, as too few of their hosts are healthy and the lower priorities cannot make up for it. */
  readonly panic: readonly boolean[];
}

/**
 * A priority's health is the percent of healthy hosts × overprovisioning factor, at most 100. Each takes that percent of the load, in order,
 * until 100 is reached; what is missing because all together have less is scaled up, and what rounding leaves goes to the first that has any.
 * Panic is looked at only where all together do not reach 100; if all are in panic, load follows the number of hosts.
 */
export function priorityLoad(priorities: readonly PriorityHealth[], overprovisioningFactor: number, panicThreshold: number): PriorityLoad {
  const health = priorities.map(({ total, healthy }) => (total === 0 ? 0 : Math.min(100, Math.floor((overprovisioningFactor * healthy) / total))));
  const available = Math.min(100, health.reduce((sum, value) => sum + value, 0));
  const panic = priorities.map(({ total, healthy }) =>
    available < 100 && panicThreshold > 0 && (total === 0 ? 0 : (100 * healthy) / total) < panicThreshold);
  if (panic.every(Boolean)) return { load: loadByCount(priorities), panic };
  // Nobody is healthy and panic is off: the first priority gets the load, and its balancer finds nobody.
  if (available === 0) return { load: priorities.map((_, index) => (index === 0 ? 100 : 0)), panic };
  let remaining = 100;
  const load = health.map((value) => {
    const share = Math.min(remaining, Math.floor((value * 100) / available));
    remaining -= share;
    return share;
  });
  load[health.findIndex((value) => value > 0)]! += remaining;
  return { load, panic };
}

function loadByCount(priorities: readonly PriorityHealth[]): number[] {
  const total = priorities.reduce((sum, priority) => sum + priority.total, 0);
  if (total === 0) return priorities.map((_, index) => (index === 0 ? 100 : 0));
  let remaining = 100;
  const load = priorities.map((priority) => {
    const share = Math.floor((100 * priority.total) / total);
    remaining -= share;
    return share;
  });
  load[priorities.findIndex((priority) => priority.total > 0)]! += remaining;
  return load;
}

/** Weight of a locality after its health: full until fewer than 1 / overprovisioning factor of its hosts are healthy, then falling in proportion. */
export function effectiveLocalityWeight(weight: number, { total, healthy }: PriorityHealth, overprovisioningFactor: number): number {
  return total === 0 ? 0 : weight * Math.min(1, (overprovisioningFactor / 100) * (healthy / total));
}
