import type { Check, Finding, Severity } from './finding';
import type { MeshGraph } from './graph';

/** Tells of one thing that is wrong; the code and severity are those of the check. */
export type Report = (path: string, value: string, rule: string, fix: string) => void;

/** A check that reports what it finds as it goes through the graph. */
export function defineCheck(code: string, severity: Severity, name: string, find: (graph: MeshGraph, report: Report) => void): Check {
  return {
    code,
    severity,
    name,
    find(graph) {
      const findings: Finding[] = [];
      find(graph, (path, value, rule, fix) => findings.push({ code, severity, path, value, rule, fix }));
      return findings;
    },
  };
}
