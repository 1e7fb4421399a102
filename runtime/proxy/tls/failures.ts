import type { Clock } from '../../clock';
import type { Log } from '../observe/log';
import type { TlsFailure } from '../transport/tls';

/** A TLS connection that did not come about, or broke. */
export interface HandshakeFailure {
  readonly side: 'downstream' | 'upstream';
  /** Filter chain, or cluster. */
  readonly name: string;
  readonly peer: string;
  readonly kind: TlsFailure['kind'];
  readonly reason: string;
}

/** Failures of one side and name that are logged within WINDOW milliseconds; a port scan must not fill a disk. */
const LINES = 10;
const WINDOW = 10_000;
/** Names that are counted at the same time. */
const NAMES = 256;

interface Window {
  begins: number;
  lines: number;
  suppressed: number;
}

/** Logs failed handshakes, each with peer, expected and found identity, at a bounded rate; what was left out is told with the next line. */
export class FailureLog {
  private readonly windows = new Map<string, Window>();

  constructor(private readonly log: Log, private readonly clock: Clock) {}

  write({ side, name, peer, kind, reason }: HandshakeFailure): void {
    const now = this.clock.now();
    const key = `${side} ${name}`;
    let window = this.windows.get(key);
    if (window === undefined || now - window.begins >= WINDOW) {
      this.windows.delete(key);
      if (this.windows.size >= NAMES) this.windows.delete(this.windows.keys().next().value!);
      window = { begins: now, lines: 0, suppressed: window?.suppressed ?? 0 };
      this.windows.set(key, window);
    }
    if (++window.lines > LINES) {
      window.suppressed++;
      return;
    }
    const where = side === 'downstream' ? { listener: name } : { cluster: name };
    const left = window.suppressed > 0 ? { suppressed: window.suppressed } : {};
    window.suppressed = 0;
    this.log.warning('tls', 'handshake failed', { ...where, peer, kind, problem: reason, ...left });
  }
}
