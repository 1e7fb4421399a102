import type { TlsFailure } from '../transport/tls';

/** What became of the handshakes of one side; names follow Envoy's `ssl.*`. */
export class TlsStats {
  handshake = 0;
  /** Sessions that were resumed, among them. */
  sessionReused = 0;
  /** Handshakes whose peer showed no certificate, though it may: not an error. */
  noCertificate = 0;
  /** Broke off: what was sent is no TLS, an alert, no cipher in common. */
  connectionError = 0;
  /** The peer had no certificate where it has to have one; one that is not trusted; one of somebody else. */
  failVerifyNoCert = 0;
  failVerifyError = 0;
  failVerifySan = 0;
  /** Not done in time. */
  handshakeTimeout = 0;
  readonly versions = new Map<string, number>();

  failed({ kind }: TlsFailure): void {
    if (kind === 'san') this.failVerifySan++;
    else if (kind === 'certificate') this.failVerifyError++;
    else if (kind === 'no_certificate') this.failVerifyNoCert++;
    else this.connectionError++;
  }

  done(version: string, reused: boolean, certificate: boolean): void {
    this.handshake++;
    if (reused) this.sessionReused++;
    if (!certificate) this.noCertificate++;
    this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
  }
}

/** Of several filter chains together. */
export function sumOf(all: readonly TlsStats[]): TlsStats {
  const sum = new TlsStats();
  for (const stats of all) {
    for (const key of COUNTERS) sum[key] += stats[key];
    for (const [version, count] of stats.versions) sum.versions.set(version, (sum.versions.get(version) ?? 0) + count);
  }
  return sum;
}

const COUNTERS = [
  'handshake', 'sessionReused', 'noCertificate', 'connectionError', 'failVerifyNoCert', 'failVerifyError', 'failVerifySan', 'handshakeTimeout',
] as const;
