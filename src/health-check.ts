import { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { Spec } from './private/spec';

/** When an endpoint is asked, and what becomes of its answers. */
export interface HealthCheckOptions {
  /**
   * Time between two checks of an endpoint.
   *
   * @default Duration.seconds(5)
   */
  readonly interval?: Duration;
  /**
   * Bound of one check.
   *
   * @default Duration.seconds(1)
   */
  readonly timeout?: Duration;
  /**
   * Failed checks in a row after which an endpoint gets no more requests. An answer that says that it is not well counts at once.
   *
   * @default 3
   */
  readonly unhealthyThreshold?: number;
  /**
   * Checks in a row that it passes before it gets requests again.
   *
   * @default 2
   */
  readonly healthyThreshold?: number;
}

type Kind = Pick<Spec<'healthCheck'>, 'http' | 'grpc' | 'tcp'>;

/**
 * Asks every endpoint whether it is well, from each calling proxy, beside the readiness that Kubernetes knows (xDS `health_checks`). It finds what no
 * probe of a pod can: an endpoint that this caller does not reach.
 */
export class HealthCheck {
  /**
   * A GET, which a healthy endpoint answers with 200.
   *
   * @param path what is asked for, with a query if there is one; begins with `/`
   * @param options when
   */
  public static http(path: string, options: HealthCheckOptions = {}): HealthCheck {
    return new HealthCheck({ http: { path } }, options);
  }

  /**
   * A call of `grpc.health.v1.Health/Check`, which a healthy endpoint answers with SERVING. On ports of `http2` and `grpc`.
   *
   * @param service the service that is asked for; empty for the server as a whole
   * @param options when
   */
  public static grpc(service: string, options: HealthCheckOptions = {}): HealthCheck {
    return new HealthCheck({ grpc: { service } }, options);
  }

  /**
   * A connection.
   *
   * @param options when
   */
  public static tcp(options: HealthCheckOptions = {}): HealthCheck {
    return new HealthCheck({ tcp: {} }, options);
  }

  private constructor(private readonly kind: Kind, private readonly options: HealthCheckOptions) {}

  /** @internal */
  public _toSpec(): Spec<'healthCheck'> {
    const { interval, timeout, unhealthyThreshold, healthyThreshold } = this.options;
    return {
      ...this.kind,
      interval: gep2257(interval ?? Duration.seconds(5)),
      timeout: gep2257(timeout ?? Duration.seconds(1)),
      unhealthyThreshold: unhealthyThreshold ?? 3,
      healthyThreshold: healthyThreshold ?? 2,
    };
  }
}
