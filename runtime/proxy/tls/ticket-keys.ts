import type { SecureContext } from 'node:tls';
import type { Clock } from '../../clock';

/** Milliseconds after which tickets are made with another key, by wall time: workers that share a secret change together. */
const ROTATION = 12 * 3_600_000;
/** Bytes of the runtime's ticket keys: name, HMAC key, AES key. */
const LENGTH = 48;

/** The secret that the keys of a process's session tickets are derived from. */
export function randomTicketSecret(): Uint8Array {
  return process.getBuiltinModule('node:crypto').randomBytes(32);
}

/**
 * Keys of the session tickets of one context. They depend on what the context expects and is, so that no session outlives a change of that: a
 * ticket that was given under other rules cannot be read, and the handshake is done anew.
 */
export class TicketKeys {
  private epoch = Number.NaN;

  constructor(
    private readonly secret: Uint8Array, private readonly binding: string, private readonly contexts: readonly SecureContext[],
    private readonly clock: Clock,
  ) {
    this.refresh();
  }

  /** Changes the keys if it is time. */
  refresh(): void {
    const epoch = Math.floor(this.clock.wallTime() / ROTATION);
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    const { hkdfSync } = process.getBuiltinModule('node:crypto');
    const keys = Buffer.from(hkdfSync('sha256', this.secret, this.binding, `session tickets ${epoch}`, LENGTH));
    for (const { context } of this.contexts) (context as { setTicketKeys(keys: Buffer): void }).setTicketKeys(keys);
  }
}
