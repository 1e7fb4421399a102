export interface Options {
  /** A few seconds, to see that everything still runs: no figure of such a run means anything, and no bar is judged. */
  readonly smoke: boolean;
  /** Rounds of every measurement; the rounds of what is compared are interleaved. */
  readonly rounds: number;
  /** `h1`: Envoy beside the others. */
  readonly envoy: boolean;
}
