import type { Duration } from 'cdk8s';
import { formatDuration } from '../contract/duration';

/** A duration's milliseconds; NaN of what is no duration, which a program in a language without types may hold. */
export function millisecondsOf(duration: Duration): number {
  return typeof duration?.toMilliseconds === 'function' ? duration.toMilliseconds({ integral: false }) : Number.NaN;
}

/**
 * A duration as Gateway API writes it. Less than whole milliseconds, and what is no duration at all, stays visible, so that the contract refuses it and
 * shows the value.
 */
export function gep2257(duration: Duration): string;
export function gep2257(duration: Duration | undefined): string | undefined;
export function gep2257(duration: Duration | undefined): string | undefined {
  if (duration === undefined) return undefined;
  const milliseconds = millisecondsOf(duration);
  if (Number.isNaN(milliseconds)) return duration as unknown as string;
  return Number.isInteger(milliseconds) ? formatDuration(milliseconds) : `${milliseconds}ms`;
}
