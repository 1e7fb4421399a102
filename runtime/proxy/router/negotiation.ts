import type { Host } from '../cluster/types';
import { Deadline, type DeadlineOwner } from '../timer';
import type { Connection, ConnectionHandler } from '../transport';
import type { ClusterPool } from './cluster-pool';
import type { Held } from './held-request';

export type Spoken = 'h2' | 'http/1.1';

const BOTH: readonly Spoken[] = ['h2', 'http/1.1'];
const OFFERED: Readonly<Record<Spoken, readonly Spoken[]>> = { 'h2': ['h2'], 'http/1.1': ['http/1.1'] };

/**
 * What the upstreams of a cluster speak where ALPN decides (auto_config), for all of them alike: a request is written in one version before anybody
 * knows which endpoint gets it.
 *
 *     unknown ─ a request comes, and waits ─▶ a handshake with an endpoint offers both ─ h2 ─────▶ HTTP/2
 *        ▲                                       │ cannot be made: as HTTP/1.1,        └ else ─▶ HTTP/1.1
 *        └─ no connection could be made ◀────────┘ and asked again by the next request
 *
 * Connections of requests offer what was agreed on alone. An endpoint that has no HTTP/2 then sets its cluster to HTTP/1.1, which every one has that can be
 * expected to have either; one that breaks off without a word is the next to be asked. When the endpoints change one is asked again, and what
 * was agreed on holds until the answer.
 */
export class Negotiation implements ConnectionHandler, DeadlineOwner {
  agreed: Spoken | undefined;
  private waiting: Held[] = [];
  /** The handshake that asks; undefined: nobody does. */
  private asking: { readonly connection: Connection; readonly host: Host; readonly suspected: boolean } | undefined;
  /** One to which no connection could be made for HTTP/2 alone, and nobody knows why. It is the next to be asked, once; then any. */
  private suspect: Host | undefined;
  private readonly deadline = new Deadline(this, 0);

  constructor(private readonly pool: ClusterPool) {}

  /** Of a connection that is to speak `version`. */
  offer(version: Spoken): readonly string[] {
    return OFFERED[version];
  }

  /** The request goes on when it is known. */
  await(held: Held): void {
    this.waiting.push(held);
    this.ask();
  }

  /** Asks, unless somebody does. */
  ask(): void {
    if (this.asking !== undefined) return;
    const { pool } = this;
    const { router, cluster } = pool;
    const { suspect } = this;
    this.suspect = undefined;
    const suspected = suspect !== undefined && !suspect.removed;
    const host = suspected ? suspect : cluster.pick(undefined, undefined, 0);
    if (host === undefined || !pool.reserve()) {
      // Later, as whoever waits is told of nothing from within.
      router.defer(() => { if (this.asking === undefined) this.goOn(this.agreed); });
      return;
    }
    this.asking = { connection: pool.dial(host, this, BOTH), host, suspected };
    const { connectTimeout } = cluster.config;
    if (connectTimeout > 0) router.deadlines.set(this.deadline, connectTimeout, router.clock.now());
  }

  /** The endpoints have changed. */
  askAgain(): void {
    if (this.agreed !== undefined) this.ask();
  }

  /**
   * A connection that had to speak `version` could not be made, or the endpoint speaks another one.
   *
   * @param suspect it, where it may have been because of the version
   */
  failed(version: Spoken, speaksOther: boolean, suspect?: Host): void {
    if (version !== this.agreed) return;
    this.agreed = speaksOther && version === 'h2' ? 'http/1.1' : undefined;
    this.suspect = suspect;
  }

  close(): void {
    this.end();
    this.goOn(undefined);
  }

  private end(): void {
    const { asking, pool } = this;
    if (asking === undefined) return;
    this.asking = undefined;
    pool.router.deadlines.clear(this.deadline);
    asking.connection.close();
    pool.giveUp();
  }

  private goOn(agreed: Spoken | undefined): void {
    const { waiting } = this;
    this.waiting = [];
    // Who waited waits once: each try says by itself that nobody is there.
    this.agreed = agreed ?? 'http/1.1';
    for (const held of waiting) held.proceed();
    this.agreed = agreed;
  }

  onConnect(): void {
    const { tls } = this.asking!.connection;
    this.end();
    this.goOn(tls?.alpn === 'h2' ? 'h2' : 'http/1.1');
  }

  onClosed(): void {
    const { connection, host, suspected } = this.asking!;
    if (connection.failure !== undefined) this.pool.tlsFailed(host, connection.failure);
    this.end();
    if (suspected) this.ask();
    else this.goOn(undefined);
  }

  onDeadline(): void {
    this.end();
    this.goOn(undefined);
  }

  // Nobody says anything before he is asked; an endpoint of HTTP/2 may greet.
  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
}
