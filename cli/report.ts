import type { PodSpec, PodState } from '../runtime/local/types';
import { NO_COLOURS } from './ansi';
import { percentile, type Session } from './session';
import { edgeTable, milliseconds } from './view';

/** How a run went. */
export interface Verdict {
  /** Why it did not go well; empty where it did. */
  readonly reasons: readonly string[];
}

/**
 * The mesh behaved: every pod was ready, everything that was asked was answered, and nothing failed but what somebody broke on purpose.
 * @param complete the run lasted as long as it should, so that there must have been requests
 */
export function judge(session: Session, everReady: boolean, missing: readonly PodSpec[], complete: boolean): Verdict {
  const reasons: string[] = [];
  if (!everReady) reasons.push(`not every pod became ready: ${missing.map(({ name }) => name).join(', ')}`);
  for (const { settings, total, succeeded, failures } of session.loads) {
    const what = `${settings.method} ${settings.url} from ${settings.from}`;
    if (complete && total === 0) reasons.push(`${what}: no request was answered`);
    if (succeeded < total && !session.injected) {
      reasons.push(`${what}: ${total - succeeded} of ${total} failed: ${[...failures].map(([words, count]) => `${count} × ${words}`).join(', ')}`);
    }
  }
  reasons.push(...session.refusals);
  if (session.restarts > 0 && !session.injected) reasons.push(`processes ended ${session.restarts} times by themselves`);
  return { reasons };
}

/** The lines that a run ends with. */
export function summary(session: Session, pods: readonly PodState[], elapsed: number, verdict: Verdict, columns: number): string[] {
  const services = pods.filter(({ spec }) => spec.service !== undefined);
  const lines = ['', `${services.length} pods and ${pods.length - services.length} control planes ran ${Math.round(elapsed / 1000)} s`];
  const edges = session.allEdges();
  if (edges.length > 0) lines.push('', ...edgeTable(edges, columns, NO_COLOURS), '');
  for (const { settings, total, succeeded, latencies, failures } of session.loads) {
    lines.push(`load ${settings.from} → ${settings.method} ${settings.url}: ${succeeded} of ${total} succeeded, `
      + `p50 ${milliseconds(percentile(latencies, 0.5))}, p99 ${milliseconds(percentile(latencies, 0.99))}`);
    for (const [words, count] of failures) lines.push(`  ${count} × ${words}`);
  }
  if (verdict.reasons.length === 0) lines.push(session.injected ? 'the mesh behaved, with the faults that were put into it' : 'the mesh behaved');
  else lines.push('the mesh did not behave:', ...verdict.reasons.map((reason) => `  ${reason}`));
  return lines;
}
