import type { Clock, Timer } from '../clock';
import type { ListenerConfig, ProxySnapshot } from './config/types';
import { listenFailures } from './listen-error';

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
  /** What is in force. */
  private inForce: ProxySnapshot | undefined;
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

  /** Told of what was put in force before anything was submitted. */
  began(snapshot: ProxySnapshot): void {
    this.inForce = snapshot;
  }

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
        await this.put(snapshot);
        this.failure = undefined;
        this.applied(snapshot);
      } catch (error) {
        if (this.closed) return;
        this.failure = error as Error;
        this.failed(error as Error);
        await this.putRest(snapshot, error);
        if (!this.next) this.timer = this.clock.setTimer(RETRY, () => this.submit(snapshot));
      }
    }
  }

  private async put(snapshot: ProxySnapshot): Promise<void> {
    await this.target.apply(snapshot);
    this.inForce = snapshot;
  }

  /** A listener that cannot have its address costs itself only: the rest is in force without it, or with the one that it was before. */
  private async putRest(snapshot: ProxySnapshot, error: unknown): Promise<void> {
    const failures = listenFailures(error);
    if (failures === undefined) return;
    try {
      await this.put(withoutChanges(snapshot, failures.keys(), this.inForce));
      this.applied(snapshot);
    } catch (again) {
      if (!this.closed) this.failed(again as Error);
    }
  }
}

/** A snapshot with the named listeners as they were before, and what those need; or without them. */
function withoutChanges(snapshot: ProxySnapshot, names: Iterable<string>, before: ProxySnapshot | undefined): ProxySnapshot {
  const listeners = new Map<string, ListenerConfig>(snapshot.listeners);
  for (const name of names) {
    const known = before?.listeners.get(name);
    if (known === undefined) listeners.delete(name);
    else listeners.set(name, known);
  }
  return {
    ...snapshot,
    listeners,
    routes: new Map([...before?.routes ?? [], ...snapshot.routes]),
    secrets: new Map([...before?.secrets ?? [], ...snapshot.secrets]),
  };
}
