import type { Clock, Timer } from '../clock';
import type { ProxySnapshot } from './config/types';

/** Milliseconds until a snapshot that could not be put in force is tried again: a port may have become free. */
const RETRY = 5_000;

/** What puts snapshots in force. */
export interface Applies {
  apply(snapshot: ProxySnapshot): Promise<void>;
}

/** Puts the newest snapshot in force, one at a time; those that came while one was under way are skipped but for the last. */
export class Applier {
  private next: ProxySnapshot | undefined;
  private running: Promise<void> | undefined;
  private timer: Timer | undefined;
  /** Why the newest that was tried is not in force. */
  private failure: Error | undefined;
  private closed = false;

  /**
   * @param applied told of every snapshot that is in force.
   * @param failed told why one is not; the one before it goes on, and this one is tried again.
   */
  constructor(
    private readonly target: Applies,
    private readonly clock: Clock,
    private readonly applied: (snapshot: ProxySnapshot) => void,
    private readonly failed: (error: Error) => void,
  ) {}

  submit(snapshot: ProxySnapshot): void {
    if (this.closed) return;
    this.next = snapshot;
    this.timer?.cancel();
    this.running ??= this.run().finally(() => { this.running = undefined; });
  }

  /** Resolves when everything that was submitted is in force, or has failed: with the reason then. */
  async settled(): Promise<Error | undefined> {
    while (this.running) await this.running;
    return this.failure;
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private async run(): Promise<void> {
    while (this.next) {
      const snapshot = this.next;
      this.next = undefined;
      try {
        await this.target.apply(snapshot);
        this.failure = undefined;
        this.applied(snapshot);
      } catch (error) {
        if (this.closed) return;
        this.failure = error as Error;
        this.failed(error as Error);
        if (!this.next) this.timer = this.clock.setTimer(RETRY, () => this.submit(snapshot));
      }
    }
  }
}
