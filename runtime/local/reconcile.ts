import { podKey, type PodSpec, type PodState, type ProcessState, type WorkloadSpec } from './types';

/** One step from what runs to what should run. */
export type Action =
  | { readonly kind: 'create'; readonly pod: PodSpec }
  | { readonly kind: 'start'; readonly pod: string; readonly process: string }
  | { readonly kind: 'drain'; readonly pod: string }
  | { readonly kind: 'stop'; readonly pod: string }
  | { readonly kind: 'signal'; readonly pod: string; readonly process: string; readonly signal: 'SIGTERM' | 'SIGKILL' }
  | { readonly kind: 'forget'; readonly pod: string };

export interface Plan {
  readonly actions: readonly Action[];
  /** When something falls due though nothing happens; undefined where nothing will. */
  readonly wakeAt: number | undefined;
}

export interface ReconcileOptions {
  /** Milliseconds between telling callers that a pod goes away and telling its proxy: what Kubernetes' usual preStop sleep is for. */
  readonly drainDelay: number;
  /** Milliseconds from the first SIGTERM of a pod to SIGKILL. */
  readonly grace: number;
}

/** Wait before the n-th restart of a process in a row, in milliseconds: 0.2 s doubled up to 10 s. */
export function restartDelay(failures: number): number {
  return Math.min(10_000, 200 * 2 ** Math.min(failures - 1, 10));
}

/** A process that ran so long has recovered: its next restart waits as little as the first. */
export const RECOVERED_AFTER = 30_000;

/**
 * What to do now, so that the pods that run become those that should. A pure function: whoever calls it does the actions, notes what happened and
 * calls again.
 *
 * A changed workload is rolled as a Deployment with `maxSurge: 1, maxUnavailable: 0` is: one new pod more than wanted, and an old one goes only while
 * enough others are ready. Pods of a StatefulSet keep their names, so theirs are replaced in place, one after the other.
 */
export function reconcile(desired: readonly WorkloadSpec[], actual: readonly PodState[], now: number, options: ReconcileOptions): Plan {
  const actions: Action[] = [];
  const wake = new Earliest();
  const workloads = new Map(desired.map((workload) => [workload.id, workload]));
  const byWorkload = groupByWorkload(actual);
  for (const workload of desired) rollOut(workload, byWorkload.get(workload.id) ?? [], actions);
  for (const [id, pods] of byWorkload) {
    if (!workloads.has(id)) for (const pod of pods) if (pod.phase === 'running') actions.push({ kind: 'drain', pod: podKey(pod.spec) });
  }
  for (const pod of actual) {
    if (pod.phase === 'running') keepRunning(pod, now, actions, wake);
    else if (pod.phase === 'draining') endDrain(pod, now, options, actions, wake);
    else endProcesses(pod, now, options, actions, wake);
  }
  return { actions, wakeAt: wake.at };
}

function rollOut(workload: WorkloadSpec, pods: readonly PodState[], actions: Action[]): void {
  const wanted = new Map(workload.pods.map((pod) => [podKey(pod), pod]));
  const present = new Set(pods.map(({ spec }) => podKey(spec)));
  const running = pods.filter(({ phase }) => phase === 'running');
  const stale = running.filter(({ spec }) => wanted.get(podKey(spec))?.hash !== spec.hash);

  let count = running.length;
  for (const [key, pod] of wanted) {
    if (present.has(key) || count >= workload.pods.length + 1) continue;
    actions.push({ kind: 'create', pod });
    count++;
  }

  if (workload.inPlace) {
    const busy = pods.length < workload.pods.length || pods.some((pod) => pod.phase !== 'running' || (!pod.ready && !stale.includes(pod)));
    const surplus = stale.filter(({ spec }) => !wanted.has(podKey(spec)));
    for (const pod of surplus) actions.push({ kind: 'drain', pod: podKey(pod.spec) });
    // The last first, as a StatefulSet does it; one that is not ready serves nobody and may always go.
    const [next] = stale.filter((pod) => !surplus.includes(pod))
      .sort((a, b) => Number(a.ready) - Number(b.ready) || (a.spec.name < b.spec.name ? 1 : -1));
    if (next && (!busy || !next.ready)) actions.push({ kind: 'drain', pod: podKey(next.spec) });
    return;
  }

  let ready = running.filter((pod) => pod.ready).length;
  for (const pod of [...stale].sort((a, b) => Number(a.ready) - Number(b.ready))) {
    if (pod.ready && ready - 1 < workload.pods.length) continue;
    if (pod.ready) ready--;
    actions.push({ kind: 'drain', pod: podKey(pod.spec) });
  }
}

/** Starts what is down, once its wait is over. */
function keepRunning(pod: PodState, now: number, actions: Action[], wake: Earliest): void {
  for (const [name, process] of pod.processes) {
    if (process.status !== 'down' || pod.held) continue;
    if (process.retryAt <= now) actions.push({ kind: 'start', pod: podKey(pod.spec), process: name });
    else wake.consider(process.retryAt);
  }
}

function endDrain(pod: PodState, now: number, options: ReconcileOptions, actions: Action[], wake: Earliest): void {
  const due = pod.since + options.drainDelay;
  if (due <= now) actions.push({ kind: 'stop', pod: podKey(pod.spec) });
  else wake.consider(due);
}

/** The proxy ends first, while the application still answers what the proxy has in flight; as native sidecars would, were they the callers. */
function endProcesses(pod: PodState, now: number, options: ReconcileOptions, actions: Action[], wake: Earliest): void {
  const key = podKey(pod.spec);
  const up = [...pod.processes].filter((entry): entry is [string, ProcessState & { status: 'up' }] => entry[1].status === 'up');
  if (up.length === 0) {
    actions.push({ kind: 'forget', pod: key });
    return;
  }
  const roles = new Map(pod.spec.processes.map(({ name, role }) => [name, role]));
  const proxyUp = up.some(([name]) => roles.get(name) === 'proxy');
  const overdue = pod.since + options.grace <= now;
  for (const [process, state] of up) {
    if (overdue) {
      if (!state.killed) actions.push({ kind: 'signal', pod: key, process, signal: 'SIGKILL' });
    } else if (state.signalled === undefined && (!proxyUp || roles.get(process) === 'proxy')) {
      actions.push({ kind: 'signal', pod: key, process, signal: 'SIGTERM' });
    }
  }
  if (!overdue) wake.consider(pod.since + options.grace);
}

function groupByWorkload(pods: readonly PodState[]): Map<string, PodState[]> {
  const groups = new Map<string, PodState[]>();
  for (const pod of pods) {
    const group = groups.get(pod.spec.workload);
    if (group) group.push(pod);
    else groups.set(pod.spec.workload, [pod]);
  }
  return groups;
}

class Earliest {
  at: number | undefined;
  consider(time: number): void {
    if (this.at === undefined || time < this.at) this.at = time;
  }
}
