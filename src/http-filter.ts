import { IBackend } from './backend';

/** Changes of headers. The three must not name the same header. */
export interface HeaderChanges {
  /**
   * Replaced, or added where they are missing.
   *
   * @default - none
   */
  readonly set?: { [name: string]: string };
  /**
   * Added to what is there.
   *
   * @default - none
   */
  readonly add?: { [name: string]: string };
  /**
   * Taken out.
   *
   * @default - none
   */
  readonly remove?: string[];
}

/** What a filter does. @internal */
export type _FilterSpec =
  | { readonly kind: 'requestHeaders' | 'responseHeaders'; readonly changes: HeaderChanges }
  | { readonly kind: 'mirror'; readonly backend: IBackend; readonly percent: number }
  | { readonly kind: 'rewritePrefix' | 'rewritePath' | 'rewriteHost'; readonly value: string };

/**
 * Changes a request or response on its way, or copies it. A rule has each kind once, but for mirrors.
 *
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter
 */
export class HttpFilter {
  /**
   * Changes headers of the request (`RequestHeaderModifier`).
   *
   * @param changes the changes
   */
  public static requestHeaders(changes: HeaderChanges): HttpFilter {
    return new HttpFilter({ kind: 'requestHeaders', changes });
  }

  /**
   * Changes headers of the response (`ResponseHeaderModifier`).
   *
   * @param changes the changes
   */
  public static responseHeaders(changes: HeaderChanges): HttpFilter {
    return new HttpFilter({ kind: 'responseHeaders', changes });
  }

  /**
   * Replaces the prefix that the rule matches (`URLRewrite`, `ReplacePrefixMatch`). The rule must have exactly one match, by path prefix.
   *
   * @param prefix what stands there instead; begins with `/`
   */
  public static rewritePrefix(prefix: string): HttpFilter {
    return new HttpFilter({ kind: 'rewritePrefix', value: prefix });
  }

  /**
   * Replaces the whole path (`URLRewrite`, `ReplaceFullPath`). The query stays.
   *
   * @param path what stands there instead; begins with `/`
   */
  public static rewritePath(path: string): HttpFilter {
    return new HttpFilter({ kind: 'rewritePath', value: path });
  }

  /**
   * Replaces the `Host` header (`URLRewrite`, `hostname`).
   *
   * @param hostname a DNS name, without a port
   */
  public static rewriteHost(hostname: string): HttpFilter {
    return new HttpFilter({ kind: 'rewriteHost', value: hostname });
  }

  /**
   * Copies requests to another backend (`RequestMirror`), whose answers are dropped: the caller waits for the original alone, and a copy that fails changes
   * nothing for it. A copy goes out when the request's body has come to its end, with `-shadow` behind its host, as Envoy has it, and is never tried
   * again; a request whose body is above 1 MiB is not copied. Who may call the service may call the mirror, too. What has effects should not be
   * mirrored to: a copied payment is paid twice.
   *
   * @param backend a service, or a version of one
   * @param percent of the requests: a whole number, 0 to 100
   */
  public static mirror(backend: IBackend, percent: number): HttpFilter {
    return new HttpFilter({ kind: 'mirror', backend, percent });
  }

  /** @internal */
  public readonly _spec: _FilterSpec;

  private constructor(spec: _FilterSpec) {
    this._spec = spec;
  }
}
