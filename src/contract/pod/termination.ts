import type { PodSpec } from './types';

/** Seconds from SIGTERM to SIGKILL of a pod that does not say; Kubernetes' own default. */
export const GRACE_SECONDS = 30;
/** Seconds that every caller hears within that a pod is going to end. */
const CALLERS_HEAR = 5;

/**
 * What a pod does with the one time that it has to end, its terminationGracePeriodSeconds. First the application goes on as it was, while callers hear
 * that the pod is leaving: a third of the time, at most five seconds. What is left is for what is under way: for the application from its SIGTERM on,
 * and for the sidecar, which the kubelet ends after it.
 */
export function termination(graceSeconds: number): { readonly preStopSeconds: number; readonly drainSeconds: number } {
  const preStopSeconds = Math.min(CALLERS_HEAR, Math.floor(graceSeconds / 3));
  return { preStopSeconds, drainSeconds: graceSeconds - preStopSeconds };
}

export function graceOf({ terminationGracePeriodSeconds }: PodSpec): number {
  return terminationGracePeriodSeconds ?? GRACE_SECONDS;
}

/** The container as it waits before it ends, unless it says itself what it does then. */
export function leavingSlowly(container: Record<string, any>, graceSeconds: number): Record<string, any> {
  const { preStopSeconds } = termination(graceSeconds);
  if (preStopSeconds === 0 || container.lifecycle?.preStop !== undefined) return container;
  return { ...container, lifecycle: { ...container.lifecycle, preStop: { sleep: { seconds: preStopSeconds } } } };
}
