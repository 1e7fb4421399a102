import type { Clock } from '../../clock';
import type { ValidationConfig } from '../config/tls-types';
import type { TlsFailure, TlsSession } from '../transport/tls';
import { chainFailure, expired, noCertificate, wrongFingerprint, wrongName, type Side } from './explain';
import { identityOf } from './identity';
import { compileNames, type NameMatcher } from './names';

/** Whether a peer is who it has to be. */
export class PeerJudge {
  private readonly matches: NameMatcher;

  constructor(readonly side: Side, private readonly validation: ValidationConfig | undefined, private readonly clock: Clock) {
    this.matches = compileNames(validation?.names ?? []);
  }

  /** Finds out who the peer is, and whether that will do; a resumed session is judged as a new one. */
  judge(session: TlsSession, required: boolean): TlsFailure | undefined {
    const { certificate } = session;
    if (certificate === undefined) return required ? noCertificate(this.side) : undefined;
    const peer = identityOf(certificate);
    session.peer = peer;
    const { validation } = this;
    if (validation === undefined) return undefined;
    if (session.chainError !== undefined) return chainFailure(this.side, peer, session.chainError, this.clock.wallTime());
    // The library has looked at the dates when the session was new.
    if (session.reused && this.clock.wallTime() > peer.notAfter) return expired(this.side, peer);
    if (!this.matches(peer)) return wrongName(this.side, peer);
    if (validation.fingerprints.length > 0 && !validation.fingerprints.includes(peer.fingerprint)) return wrongFingerprint(this.side, peer);
    return undefined;
  }
}
