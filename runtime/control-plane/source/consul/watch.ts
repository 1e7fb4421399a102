import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../../clock';
import { Backoff } from '../../kubernetes';
import { queryHealth, type Answer, type ConsulClientOptions, type ConsulQuery, type Instance } from './client';

export interface ConsulWatchDeps extends ConsulClientOptions {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** The instances are other ones than before. */
  readonly changed: () => void;
  /** Told whenever it works again, or why not. */
  readonly state: (problem: string | undefined) => void;
}

const BASE_BACKOFF = 500;
const MAX_BACKOFF = 10_000;
/** Milliseconds between two queries at least: an index also moves for what does not matter here. */
const INTERVAL = 100;

/**
 * The instances of one service of Consul, kept by blocking queries, as its documentation asks for
 * (https://developer.hashicorp.com/consul/api-docs/features/blocking): an index that went back, or is none, begins anew; a client that is answered all
 * the time does not ask all the time; an agent that is away takes nothing away.
 */
export class ConsulWatch {
  instances: readonly Instance[] | undefined;
  private index: bigint | undefined;
  private query: { cancel(): void } | undefined;
  private timer: Timer | undefined;
  private closed = false;
  private readonly backoff: Backoff;

  constructor(private readonly asked: ConsulQuery, private readonly deps: ConsulWatchDeps) {
    this.backoff = new Backoff(BASE_BACKOFF, MAX_BACKOFF, deps.random);
    this.ask();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.query?.cancel();
  }

  private ask(): void {
    if (this.closed) return;
    const began = this.deps.clock.now();
    const { answer, cancel } = queryHealth(this.deps, this.asked, this.index);
    this.query = { cancel };
    answer.then((told) => this.take(told, began), (error: Error) => this.failed(error));
  }

  private take({ instances, index }: Answer, began: number): void {
    if (this.closed) return;
    this.deps.state(undefined);
    this.backoff.reset();
    this.index = index !== undefined && this.index !== undefined && index < this.index ? undefined : index;
    if (!isDeepStrictEqual(this.instances, instances)) {
      this.instances = instances;
      this.deps.changed();
    }
    // Without an index there is nothing to wait for at the server.
    const wait = this.index === undefined ? this.backoff.next() : began + INTERVAL - this.deps.clock.now();
    if (wait > 0) this.timer = this.deps.clock.setTimer(wait, () => this.ask());
    else this.ask();
  }

  private failed(error: Error): void {
    if (this.closed) return;
    this.index = undefined;
    this.deps.state(`service ${this.asked.service} of ${this.deps.address}: ${error.message}${this.instances ? '; what is known goes on' : ''}`);
    this.timer = this.deps.clock.setTimer(this.backoff.next(), () => this.ask());
  }
}
