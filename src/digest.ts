import type { Spec } from './private/spec';

/**
 * Digests of bodies (RFC 9530), by the service's own proxy, while they pass: nothing is held back for them but the end of a message. A message that has
 * a `Content-Digest` or `Repr-Digest` and another body is broken off, so that nobody takes it for complete; a request is answered 400.
 */
export class Digest {
  /** SHA-256: verified where a message has one, and made for answers that have none, as a trailer where the body streams. */
  public static sha256(): Digest {
    return new Digest({ sha256: {} });
  }

  private constructor(private readonly spec: Spec<'digest'>) {}

  /** @internal */
  public _toSpec(): Spec<'digest'> {
    return this.spec;
  }
}
