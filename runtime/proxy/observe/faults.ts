import type { Clock } from '../../clock';
import type { Families } from './families';
import type { Log } from './log';

/** Faults that are logged in a second; a fault that a client can bring about again and again is not to fill the disk. */
const LOGGED_A_SECOND = 10;

/** Where an exception was caught: what it takes along. */
export type FaultPlace = 'connection' | 'deadline' | 'process';

/**
 * Exceptions that are faults of this program. One that belongs to a connection ends that connection, one that belongs to a deadline what the
 * deadline is about, any other nothing; the proxy goes on serving all the rest. Each is counted and logged.
 */
export class Faults {
  private readonly counts: Record<FaultPlace, number> = { connection: 0, deadline: 0, process: 0 };
  private second = -Infinity;
  private logged = 0;
  private unlogged = 0;

  constructor(private readonly clock: Clock, private readonly log: Log | undefined) {}

  record(place: FaultPlace, error: unknown): void {
    this.counts[place]++;
    const now = this.clock.now();
    if (now - this.second >= 1_000) {
      this.second = now;
      this.logged = 0;
    }
    if (this.logged >= LOGGED_A_SECOND) {
      this.unlogged++;
      return;
    }
    this.logged++;
    this.log?.error('fault', 'exception', { where: place, error, ...(this.unlogged > 0 && { notLogged: this.unlogged }) });
    this.unlogged = 0;
  }

  collect(into: Families): void {
    for (const [place, count] of Object.entries(this.counts)) {
      into.counter('meshwright_faults_total', 'Exceptions of the proxy, by what they took along', 'server.faults.{where}').add({ where: place }, count);
    }
  }
}
