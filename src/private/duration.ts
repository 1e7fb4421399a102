import type { Duration } from 'cdk8s';
import { formatDuration } from '../contract/duration';

/** A duration as Gateway API writes it. Less than whole milliseconds stays visible, so that the contract refuses it and shows the value. */
export function gep2257(duration: Duration): string;
export function gep2257(duration: Duration | undefined): string | undefined;
export function gep2257(duration: Duration | undefined): string | undefined {
  if (duration === undefined) return undefined;
  const milliseconds = duration.toMilliseconds({ integral: false });
  return Number.isInteger(milliseconds) ? formatDuration(milliseconds) : `${milliseconds}ms`;
}
