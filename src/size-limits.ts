import type { Size } from 'cdk8s';
import type { Spec } from './private/spec';

/** Options of `SizeLimits`; at least one of them. */
export interface SizeLimitsOptions {
  /**
   * The body of a request. A larger one is answered 413, before any of it reaches the service where its length is stated, and else as soon as it is
   * longer: the service then sees a request that broke off, never one that looks complete.
   *
   * @default - no bound
   */
  readonly requestBody?: Size;
  /**
   * A message of a call of gRPC, in either direction. A larger one ends the call with RESOURCE_EXHAUSTED.
   *
   * @default - no bound
   */
  readonly grpcMessage?: Size;
}

/** Bounds on what the service's own proxy lets pass. Nothing is held back to be measured. */
export class SizeLimits {
  /**
   * @param options the bounds
   */
  public static of(options: SizeLimitsOptions): SizeLimits {
    return new SizeLimits(options);
  }

  private constructor(private readonly options: SizeLimitsOptions) {}

  /** @internal */
  public _toSpec(): Spec<'sizeLimits'> {
    const { requestBody, grpcMessage } = this.options;
    return { requestBodyBytes: bytesOf(requestBody), grpcMessageBytes: bytesOf(grpcMessage) };
  }
}

function bytesOf(size: Size | undefined): number | undefined {
  return size === undefined ? undefined : size.toKibibytes() * 1024;
}
