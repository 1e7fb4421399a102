import type { MeshSpec } from './contract/mesh';

/** What is logged of requests: one JSON object a line, with Envoy's response flags. */
export class AccessLog {
  /**
   * To standard output of every proxy. Requests that were answered with 5xx, or not at all, or that were denied, are always logged.
   *
   * @param successPercent part of all other requests that is logged, 0 to 100
   */
  public static stdout(successPercent: number): AccessLog {
    return new AccessLog(successPercent);
  }

  private constructor(private readonly successPercent: number) {}

  /** @internal */
  public _toSpec(): NonNullable<MeshSpec['accessLog']> {
    return { successPercent: this.successPercent };
  }
}
