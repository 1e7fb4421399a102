import type { MeshGraph } from './graph';

/** An error stops the synth; a warning is reported and can be acknowledged. */
export type Severity = 'error' | 'warning';

/** One thing that is wrong, and how to put it right. */
export interface Finding {
  /** `MW107`. */
  readonly code: string;
  readonly severity: Severity;
  /** Construct path. */
  readonly path: string;
  /** What was written: `retry: 4 tries x 500ms + 700ms backoff = 2700ms`. */
  readonly value: string;
  /** What has to hold: `must fit in the total timeout of 2s`. */
  readonly rule: string;
  /** What to write instead. */
  readonly fix: string;
}

/** A check of the whole graph. One file each; pure. */
export interface Check {
  readonly code: string;
  readonly severity: Severity;
  /** Name in the documentation: `retries-fit-timeout`. */
  readonly name: string;
  find(graph: MeshGraph): Finding[];
}
