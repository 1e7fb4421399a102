import type { MeshGraph } from '../../../src/check/graph';

/** A graph with one thing wrong, and the same graph put right. */
export interface Case {
  readonly code: string;
  readonly name: string;
  /** Where it is found. */
  readonly path: string;
  readonly fires: MeshGraph;
  readonly silent: MeshGraph;
}
