import type { SharedProgress } from './progress';
import type { StatusReport } from './status';

/** Where replicas tell each other what their proxies run, and where the status of all of them is written. */
export interface SharedStatus {
  /** This replica writes the status of all. */
  readonly leading: boolean;
  /** Statuses that it wrote, and writes that failed; since its start. */
  readonly stats: { readonly writes: number; readonly failures: number };
  /** What the other replicas have told, one map each. */
  others(): readonly SharedProgress[];
  /** Begins, and calls `changed` whenever the others have told something new. */
  start(changed: () => void): void;
  /** What this replica's own proxies run, and what is to be shown of all. */
  publish(own: SharedProgress, report: StatusReport): void;
  close(): Promise<void>;
}
