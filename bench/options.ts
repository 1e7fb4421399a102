import type { Profiler } from './profile';

export interface Options {
  /** A few seconds, to see that everything still runs: no figure of such a run means anything, and no bar on a time is judged. */
  readonly smoke: boolean;
  /** Rounds of every measurement; the rounds of what is compared are interleaved. */
  readonly rounds: number;
  /** Milliseconds of one round. */
  readonly roundTime: number;
  /** Peers to leave out, by name in lower case. */
  readonly without: ReadonlySet<string>;
  /** Takes a profile of each contender after the rounds. */
  readonly profiler?: Profiler;
}
