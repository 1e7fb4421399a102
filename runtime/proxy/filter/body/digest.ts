import type { DigestConfig } from '../../config/types';
import type { HttpFilter } from '../types';

/** What a digest filter counts. */
export class DigestStats {
  /** Digests that were put on messages. */
  made = 0;
  /** Messages that had a digest, and the body for it. */
  verified = 0;
  /** Messages that were broken off as their body was another one. */
  requestMismatch = 0;
  responseMismatch = 0;
}

/** meshwright.v1.Digest: SHA-256 of bodies (RFC 9530). */
export class DigestFilter implements HttpFilter {
  readonly stats = new DigestStats();

  constructor(readonly name: string, readonly config: DigestConfig | undefined) {}

  onRequest(): undefined {
    return undefined;
  }
}
