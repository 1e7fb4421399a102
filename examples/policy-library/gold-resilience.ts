import { Duration } from 'cdk8s';
import {
  CircuitBreaker, OutlierDetection, Retry, RetryBudget, RetryOn, Timeout,
  type HttpMethod, type IServicePolicy, type MeshService, type TrafficPolicy,
} from 'meshwright';

/** What a gold service says of its callers' patience. */
export interface GoldResilienceProps {
  /** Retries after the first try. */
  readonly retries: number;
  /** Wait before the first retry; each next one is twice as long. */
  readonly firstBackoff: Duration;
  /** Failed tries in a row that open the breaker. */
  readonly failures: number;
  /** Time until the breaker lets one request probe. */
  readonly cooldown: Duration;
  /** Methods that are tried again. Default: those that HTTP calls idempotent. */
  readonly methods?: HttpMethod[];
}

/**
 * Timeout, retry, breaker and ejection that fit each other. Of the time of a try and the time of the whole call the team gives one, and the other
 * follows: all tries with the waits between them always fit in the total.
 */
export class GoldResilience implements IServicePolicy {
  /** The whole call may take `total`; each try gets an equal part of what the waits leave, in whole 10 ms. */
  static within(total: Duration, props: GoldResilienceProps): GoldResilience {
    const perTry = Math.floor((total.toMilliseconds() - backoffs(props)) / (props.retries + 1) / 10) * 10;
    if (perTry <= 0) {
      throw new Error(`GoldResilience: ${props.retries} retries wait ${backoffs(props)} ms, which leaves nothing of ${total.toMilliseconds()} ms for a try`);
    }
    return new GoldResilience(Duration.millis(perTry), total, props);
  }

  /** Each try may take `perTry`; the total is what all of them with their waits need. */
  static ofTries(perTry: Duration, props: GoldResilienceProps): GoldResilience {
    const total = (props.retries + 1) * perTry.toMilliseconds() + backoffs(props);
    return new GoldResilience(perTry, Duration.millis(total), props);
  }

  private constructor(private readonly perTry: Duration, private readonly total: Duration, private readonly props: GoldResilienceProps) {}

  policyName(): string {
    return 'GoldResilience';
  }

  policyFor(_service: MeshService): TrafficPolicy {
    const { retries, firstBackoff, failures, cooldown, methods } = this.props;
    return {
      timeout: Timeout.total(this.total, { perTry: this.perTry }),
      retry: Retry.exponential({
        attempts: retries,
        on: [RetryOn.CONNECT_FAILURE, RetryOn.RESET, RetryOn.GATEWAY_ERROR, RetryOn.PER_TRY_TIMEOUT],
        baseInterval: firstBackoff,
        methods,
        // When everything fails, retries add a fifth to the load and not three times as much.
        budget: RetryBudget.of(20, 10),
      }),
      circuitBreaker: CircuitBreaker.consecutiveFailures(failures, { cooldown }),
      // One bad pod is put aside long before the breaker has to spare the whole service.
      outlierDetection: OutlierDetection.consecutiveServerErrors(3, { baseEjectionDuration: cooldown, maxEjectionPercent: 50 }),
    };
  }
}

/** Milliseconds that the waits between all tries take. */
function backoffs({ retries, firstBackoff }: GoldResilienceProps): number {
  return firstBackoff.toMilliseconds() * (2 ** retries - 1);
}
