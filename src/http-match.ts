import { HttpMethod } from './http-method';

/** Matches a string. */
export class StringMatch {
  /**
   * Equal.
   *
   * @param value the whole string; of a path it begins with `/`
   */
  public static exact(value: string): StringMatch {
    return new StringMatch('exact', value);
  }

  /**
   * Begins with; of a path, by whole segments: `/pay` matches `/pay/1`, not `/payment`. Of a header or parameter it becomes a regular expression,
   * as Gateway API has no prefix there.
   *
   * @param value how the string begins; of a path it begins with `/`
   */
  public static prefix(value: string): StringMatch {
    return new StringMatch('prefix', value);
  }

  /**
   * Matches a regular expression from beginning to end.
   *
   * @param pattern in RE2's syntax: https://github.com/google/re2/wiki/Syntax
   */
  public static regex(pattern: string): StringMatch {
    return new StringMatch('regex', pattern);
  }

  /** @internal */
  public readonly _kind: string;
  /** @internal */
  public readonly _value: string;

  private constructor(kind: string, value: string) {
    this._kind = kind;
    this._value = value;
  }
}

/**
 * What a request must be like: all given fields must match.
 *
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch
 */
export interface HttpMatch {
  /**
   * Path, without the query.
   *
   * @default - any
   */
  readonly path?: StringMatch;
  /**
   * Method.
   *
   * @default - any
   */
  readonly method?: HttpMethod;
  /**
   * Headers by name, in any case.
   *
   * @default - any
   */
  readonly headers?: { [name: string]: StringMatch };
  /**
   * Parameters of the query by name, the first of each.
   *
   * @default - any
   */
  readonly queryParams?: { [name: string]: StringMatch };
}
