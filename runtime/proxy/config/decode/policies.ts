import {
  CircuitBreakerSchema, JwksOutageSchema, milliseconds, unpackAnyAs, type CircuitBreakers, type Metadata, type OutlierDetection,
} from '../../../xds';
import type { Problems } from '../problems';
import type { CircuitBreakerConfig, ClusterLimits, OutlierDetectionConfig, RetryBudgetConfig } from '../types';
import { durationOrOff, inRange, positiveDuration } from './scalars';

/** Key of our circuit breaker in `Cluster.metadata.typed_filter_metadata`. */
export const BREAKER_METADATA = 'meshwright.circuit_breaker';

/** Of how long keys that come from the cluster are kept, in the same place. */
export const JWKS_METADATA = 'meshwright.jwks';

/** Envoy's defaults of CircuitBreakers.Thresholds. */
const LIMIT = 1_024;
const RETRIES = 3;

export function limits(
  breakers: CircuitBreakers | undefined, problems: Problems,
): { limits: ClusterLimits; retryBudget: RetryBudgetConfig | undefined } {
  if (breakers && breakers.thresholds.length > 1) {
    problems.add('circuit_breakers.thresholds', `there are ${breakers.thresholds.length}; at most one, of DEFAULT priority, is supported`);
  }
  const threshold = breakers?.thresholds[0];
  const budget = threshold?.retryBudget;
  const at = 'circuit_breakers.thresholds[0].retry_budget';
  return {
    limits: {
      maxConnections: threshold?.maxConnections ?? LIMIT,
      maxPendingRequests: threshold?.maxPendingRequests ?? LIMIT,
      maxRequests: threshold?.maxRequests ?? LIMIT,
      maxRetries: threshold?.maxRetries ?? RETRIES,
    },
    retryBudget: budget && {
      percent: inRange(budget.budgetPercent?.value ?? 20, 0, 100, `${at}.budget_percent.value`, problems),
      minConcurrency: budget.minRetryConcurrency ?? 3,
    },
  };
}

export function keysKeptFor(metadata: Metadata | undefined, problems: Problems): { keysKeptFor?: number } {
  const any = metadata?.typedFilterMetadata[JWKS_METADATA];
  if (!any) return {};
  const path = `metadata.typed_filter_metadata["${JWKS_METADATA}"]`;
  const outage = unpackAnyAs(JwksOutageSchema, any);
  if (!outage) problems.add(path, `${any.typeUrl} must be meshwright.v1.JwksOutage`);
  return { keysKeptFor: durationOrOff(outage?.keepFor, 0, `${path}.keep_for`, problems) };
}

export function circuitBreaker(metadata: Metadata | undefined, problems: Problems): CircuitBreakerConfig | undefined {
  const any = metadata?.typedFilterMetadata[BREAKER_METADATA];
  if (!any) return undefined;
  const path = `metadata.typed_filter_metadata["${BREAKER_METADATA}"]`;
  const breaker = unpackAnyAs(CircuitBreakerSchema, any);
  if (!breaker) {
    problems.add(path, `${any.typeUrl} must be meshwright.v1.CircuitBreaker`);
    return undefined;
  }
  if (!breaker.cooldown) problems.add(`${path}.cooldown`, 'is required');
  const cooldown = positiveDuration(breaker.cooldown, 0, `${path}.cooldown`, problems);
  if (breaker.trip.case === 'consecutiveFailures') {
    return { cooldown, kind: 'consecutive_failures', failures: inRange(breaker.trip.value, 1, 1_000_000, `${path}.consecutive_failures`, problems) };
  }
  if (breaker.trip.case !== 'failureRate') {
    problems.add(path, 'needs one of consecutive_failures, failure_rate');
    return undefined;
  }
  const rate = breaker.trip.value;
  const at = `${path}.failure_rate`;
  if (!rate.window) problems.add(`${at}.window`, 'is required');
  return {
    cooldown,
    kind: 'failure_rate',
    percent: inRange(rate.percent, 1, 100, `${at}.percent`, problems),
    window: positiveDuration(rate.window, 0, `${at}.window`, problems),
    minRequests: inRange(rate.minRequests, 1, 1_000_000, `${at}.min_requests`, problems),
  };
}

export function outlierDetection(message: OutlierDetection | undefined, problems: Problems): OutlierDetectionConfig | undefined {
  if (!message) return undefined;
  const path = 'outlier_detection';
  if (message.maxEjectionTimeJitter && milliseconds(message.maxEjectionTimeJitter) !== 0) {
    problems.add(`${path}.max_ejection_time_jitter`, 'is not supported: remove it');
  }
  const baseEjectionTime = positiveDuration(message.baseEjectionTime, 30_000, `${path}.base_ejection_time`, problems);
  return {
    consecutive5xx: detector(message.consecutive5xx, message.enforcingConsecutive5xx, 100),
    consecutiveGatewayFailure: detector(message.consecutiveGatewayFailure, message.enforcingConsecutiveGatewayFailure, 0),
    consecutiveLocalOriginFailure: message.splitExternalLocalOriginErrors
      ? detector(message.consecutiveLocalOriginFailure, message.enforcingConsecutiveLocalOriginFailure, 100) : 0,
    splitExternalLocalOriginErrors: message.splitExternalLocalOriginErrors,
    interval: positiveDuration(message.interval, 10_000, `${path}.interval`, problems),
    baseEjectionTime,
    maxEjectionTime: positiveDuration(message.maxEjectionTime, Math.max(300_000, baseEjectionTime), `${path}.max_ejection_time`, problems),
    maxEjectionPercent: inRange(message.maxEjectionPercent ?? 10, 0, 100, `${path}.max_ejection_percent`, problems),
    alwaysEjectOneHost: message.alwaysEjectOneHost ?? false,
  };
}

/** Failures in a row that eject; 0 where nothing is enforced. */
function detector(consecutive: number | undefined, enforcing: number | undefined, enforcedByDefault: number): number {
  return (enforcing ?? enforcedByDefault) === 0 ? 0 : consecutive ?? 5;
}
