import type { Check, Finding } from './finding';
import type { MeshGraph } from './graph';

/** The checks, in the order of their codes. */
export const CHECKS: readonly Check[] = [];

/** What all checks find in the graph. */
export function checkGraph(graph: MeshGraph): Finding[] {
  return CHECKS.flatMap((check) => check.find(graph));
}
