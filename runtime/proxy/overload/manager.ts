import type { Clock, Timer } from '../../clock';
import type { OverloadActionKind, OverloadConfig, OverloadResource, OverloadState } from './types';

/**
 * A listener that has stood still for so long, in milliseconds, and is still overloaded sheds instead: standing still has not helped, and clients
 * should hear something.
 */
const LONGEST_STOP = 1_000;

/** What the manager looks at, and what it does. */
export interface Overloadable {
  heapBytes(): number;
  bufferedBytes(): number;
  /** Stops reading from all clients, or lets it go on. */
  stopReading(stop: boolean): void;
  /** Answers requests with 503, or serves them. */
  shed(shed: boolean): void;
}

/**
 * Looks at the resources of the proxy in fixed intervals, and gives way before they run out, in two steps: reading stops, then requests are shed.
 *
 * ```
 *             stop_reading triggers            still does after LONGEST_STOP, or stop_accepting_requests triggers
 *   serving ────────────────────────▶ stopped ──────────────────────────────────────────────────────────────────▶ shedding
 *      ▲                                 │                                                                            │
 *      └──────── no trigger ─────────────┴──────────────────────────── no trigger ────────────────────────────────────┘
 * ```
 *
 * While it sheds it reads: a request has to be read to be refused. The delay of the event loop is what the manager's own timer came late by, the
 * largest since the look before.
 */
export class OverloadManager implements OverloadState {
  readonly pressures = new Map<string, number>();
  private readonly active = new Set<OverloadActionKind>();
  private timer: Timer | undefined;
  private due = 0;
  private stopped = false;
  /** Since when the triggers have wanted it to stand still. */
  private stoppedSince = Infinity;
  private shedding = false;

  constructor(readonly config: OverloadConfig, private readonly clock: Clock, private readonly target: Overloadable) {}

  start(): void {
    this.arm();
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.set(false, false);
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  get isShedding(): boolean {
    return this.shedding;
  }

  private arm(): void {
    const { refreshInterval } = this.config;
    this.due = this.clock.now() + refreshInterval;
    this.timer = this.clock.setTimer(refreshInterval, () => {
      this.look(Math.max(0, this.clock.now() - this.due));
      this.arm();
    });
  }

  private look(delay: number): void {
    const { monitors, actions } = this.config;
    for (const { name, resource, max } of monitors) this.pressures.set(name, this.read(resource, delay) / max);
    this.active.clear();
    for (const { kind, triggers } of actions) {
      if (triggers.some(({ monitor, threshold }) => (this.pressures.get(monitor) ?? 0) >= threshold)) this.active.add(kind);
    }
    const now = this.clock.now();
    const wantsStop = this.active.has('stop_reading');
    if (!wantsStop) this.stoppedSince = Infinity;
    else if (this.stoppedSince === Infinity) this.stoppedSince = now;
    const shed = this.active.has('stop_accepting_requests') || (wantsStop && now - this.stoppedSince >= LONGEST_STOP);
    this.set(wantsStop && !shed, shed);
  }

  private read(resource: OverloadResource, delay: number): number {
    if (resource === 'event_loop_delay') return delay;
    return resource === 'heap' ? this.target.heapBytes() : this.target.bufferedBytes();
  }

  private set(stopped: boolean, shedding: boolean): void {
    if (shedding !== this.shedding) this.target.shed(this.shedding = shedding);
    if (stopped !== this.stopped) this.target.stopReading(this.stopped = stopped);
  }
}
