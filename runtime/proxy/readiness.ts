import type { Clock, Timer } from '../clock';
import type { ServerState } from './admin';

/** Longest wait for route tables and endpoints once the control plane has answered, in milliseconds: Envoy's initial_fetch_timeout. */
const WARMING_TIMEOUT = 15_000;

/** What readiness is made of. */
export interface ReadinessInputs {
  /** Whether the first configuration is in force. */
  readonly applied: () => boolean;
  /** Whether the control plane has answered, or nobody waits for it. */
  readonly answered: () => boolean;
  /** Listeners and clusters that wait for something. */
  readonly warming: () => readonly string[];
}

/**
 * Whether traffic should come: once everything that was configured at the start serves, and until a drain. What is configured later never takes
 * readiness away.
 */
export class Readiness {
  private initialized = false;
  private draining = false;
  private failed = false;
  private gaveUp = false;
  private timer: Timer | undefined;

  constructor(private readonly inputs: ReadinessInputs, private readonly clock: Clock) {}

  get state(): ServerState {
    if (this.draining || this.failed) return 'DRAINING';
    if (this.isInitialized()) return 'LIVE';
    return this.inputs.applied() ? 'INITIALIZING' : 'PRE_INITIALIZING';
  }

  /** What it waits for; empty when it waits for nothing. */
  waitingFor(): readonly string[] {
    if (this.isInitialized()) return [];
    return [
      ...(this.inputs.answered() ? [] : ['the control plane']),
      ...this.inputs.warming(),
      ...(this.inputs.applied() ? [] : ['the first configuration to be in force']),
    ];
  }

  drain(): void {
    this.draining = true;
  }

  failHealthcheck(fails: boolean): void {
    this.failed = fails;
  }

  close(): void {
    this.timer?.cancel();
  }

  private isInitialized(): boolean {
    if (this.initialized) return true;
    if (!this.inputs.answered() || !this.inputs.applied()) return false;
    if (this.inputs.warming().length > 0 && !this.gaveUp) {
      this.timer ??= this.clock.setTimer(WARMING_TIMEOUT, () => { this.gaveUp = true; });
      return false;
    }
    this.initialized = true;
    return true;
  }
}
