import type { Spec } from './private/spec';

/**
 * Compression of answers, by the service's own proxy: for clients whose `Accept-Encoding` asks for it (RFC 9110 §12.5.3), of text, JSON, XML, JavaScript
 * and SVG that has no coding yet, unless `Cache-Control` says `no-transform`. A strong `ETag` becomes a weak one, and `Vary` names `Accept-Encoding`.
 */
export class Compression {
  /**
   * gzip.
   *
   * @param minBytes bodies that are known to be shorter go as they are
   */
  public static gzip(minBytes: number): Compression {
    return new Compression({ gzip: { minBytes } });
  }

  /**
   * Brotli.
   *
   * @param minBytes bodies that are known to be shorter go as they are
   */
  public static brotli(minBytes: number): Compression {
    return new Compression({ brotli: { minBytes } });
  }

  private constructor(private readonly spec: Spec<'compression'>) {}

  /** @internal */
  public _toSpec(): Spec<'compression'> {
    return this.spec;
  }
}
