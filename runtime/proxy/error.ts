/** Envoy's response flags, as access logs and metrics show them. */
export type ResponseFlag = 'UH' | 'UF' | 'UO' | 'NR' | 'URX' | 'NC' | 'UT' | 'DC' | 'UC' | 'UR' | 'RL' | 'UPE' | 'DPE' | 'SI' | 'UAEX' | 'OM' | 'LR';

/** Everything that ends a request in another way than by its upstream's answer: one row each. */
export interface ProxyError {
  /** In logs: RESPONSE_CODE_DETAILS. */
  readonly code: string;
  /** Who failed. */
  readonly source: 'downstream' | 'upstream' | 'proxy' | 'config';
  /** The retry condition that admits another try; undefined: never tried again. */
  readonly retryable: 'connect-failure' | 'reset' | 'per-try-timeout' | undefined;
  /** 0: there is nobody left to answer. */
  readonly status: number;
  readonly flag: ResponseFlag | undefined;
  /** Last segment of the problem's type (RFC 9457 §3.1.1). */
  readonly problem: string;
  /** `%s` is the service. Says what happened and which policy acted; never an address. */
  readonly title: string;
  /** Which policy acted; undefined where none did. */
  readonly policy: string | undefined;
}

export const ERRORS = {
  // The client's message. Each closes its connection: where the next request begins is not known any more.
  badRequest: {
    code: 'http1_codec_error', source: 'downstream', retryable: undefined, status: 400, flag: 'DPE',
    problem: 'malformed-request', title: 'The request is not valid HTTP/1.1', policy: undefined,
  },
  badHost: {
    code: 'invalid_host', source: 'downstream', retryable: undefined, status: 400, flag: 'DPE',
    problem: 'invalid-host', title: 'The request has no valid Host', policy: undefined,
  },
  targetTooLong: {
    code: 'request_target_too_long', source: 'downstream', retryable: undefined, status: 414, flag: 'DPE',
    problem: 'target-too-long', title: 'The request target is too long', policy: undefined,
  },
  headTooLarge: {
    code: 'request_headers_too_large', source: 'downstream', retryable: undefined, status: 431, flag: 'DPE',
    problem: 'headers-too-large', title: 'The request headers are too large or too many', policy: undefined,
  },
  headTimeout: {
    code: 'request_header_timeout', source: 'downstream', retryable: undefined, status: 408, flag: undefined,
    problem: 'headers-timeout', title: 'The request headers did not arrive in time', policy: 'timeout',
  },
  unknownCoding: {
    code: 'unknown_transfer_coding', source: 'downstream', retryable: undefined, status: 501, flag: 'DPE',
    problem: 'unknown-transfer-coding', title: 'The request has a transfer coding other than chunked', policy: undefined,
  },
  connectRefused: {
    code: 'connect_not_allowed', source: 'downstream', retryable: undefined, status: 501, flag: 'DPE',
    problem: 'connect-not-allowed', title: 'CONNECT is not configured here', policy: 'route',
  },
  httpVersion: {
    code: 'unsupported_version', source: 'downstream', retryable: undefined, status: 505, flag: 'DPE',
    problem: 'unsupported-version', title: 'Only HTTP/1.1 and HTTP/1.0 are spoken here', policy: undefined,
  },
  http10: {
    code: 'low_version', source: 'downstream', retryable: undefined, status: 426, flag: 'DPE',
    problem: 'http-1.0-not-accepted', title: 'HTTP/1.0 is not accepted here', policy: undefined,
  },
  requestIdle: {
    code: 'stream_idle_timeout', source: 'downstream', retryable: undefined, status: 408, flag: 'SI',
    problem: 'request-idle', title: 'The request stood still for too long', policy: 'timeout',
  },
  clientGone: {
    code: 'downstream_remote_disconnect', source: 'downstream', retryable: undefined, status: 0, flag: 'DC',
    problem: 'client-gone', title: 'The client went away', policy: undefined,
  },
  // Configuration.
  noRoute: {
    code: 'route_not_found', source: 'config', retryable: undefined, status: 404, flag: 'NR',
    problem: 'no-route', title: 'No route matches the request', policy: 'route',
  },
  noCluster: {
    code: 'cluster_not_found', source: 'config', retryable: undefined, status: 503, flag: 'NC',
    problem: 'unknown-service', title: 'The route leads to %s, which is not known here', policy: 'route',
  },
  // Policies.
  circuitOpen: {
    code: 'circuit_open', source: 'proxy', retryable: undefined, status: 503, flag: 'UO',
    problem: 'circuit-open', title: 'The circuit breaker of %s is open after too many failures', policy: 'circuit-breaker',
  },
  overflow: {
    code: 'overflow', source: 'proxy', retryable: undefined, status: 503, flag: 'UO',
    problem: 'bulkhead-full', title: 'The bulkhead of %s is full', policy: 'bulkhead',
  },
  retryOverflow: {
    code: 'retry_overflow', source: 'proxy', retryable: undefined, status: 503, flag: 'UO',
    problem: 'retry-budget-exhausted', title: 'The retry budget of %s is exhausted', policy: 'retry',
  },
  noHealthyUpstream: {
    code: 'no_healthy_upstream', source: 'proxy', retryable: undefined, status: 503, flag: 'UH',
    problem: 'no-healthy-endpoint', title: '%s has no endpoint that takes requests', policy: 'load-balancer',
  },
  timeout: {
    code: 'response_timeout', source: 'proxy', retryable: undefined, status: 504, flag: 'UT',
    problem: 'timeout', title: '%s did not answer within the timeout of the route', policy: 'timeout',
  },
  perTryTimeout: {
    code: 'upstream_per_try_timeout', source: 'proxy', retryable: 'per-try-timeout', status: 504, flag: 'UT',
    problem: 'per-try-timeout', title: '%s did not answer within the timeout of a try', policy: 'timeout',
  },
  responseIdle: {
    code: 'stream_idle_timeout', source: 'proxy', retryable: undefined, status: 504, flag: 'SI',
    problem: 'response-idle', title: '%s stood still for too long', policy: 'timeout',
  },
  // The upstream.
  connectFailure: {
    code: 'upstream_connection_failure', source: 'upstream', retryable: 'connect-failure', status: 503, flag: 'UF',
    problem: 'connect-failure', title: 'No connection to %s could be made', policy: undefined,
  },
  connectTimeout: {
    code: 'upstream_connection_timeout', source: 'upstream', retryable: 'connect-failure', status: 503, flag: 'UF',
    problem: 'connect-timeout', title: 'No connection to %s could be made in time', policy: 'timeout',
  },
  upstreamReset: {
    code: 'upstream_reset_before_response_started', source: 'upstream', retryable: 'reset', status: 503, flag: 'UC',
    problem: 'upstream-reset', title: '%s closed the connection without an answer', policy: undefined,
  },
  upstreamAborted: {
    code: 'upstream_reset_after_response_started', source: 'upstream', retryable: undefined, status: 0, flag: 'UC',
    problem: 'upstream-aborted', title: '%s broke off its answer', policy: undefined,
  },
  upstreamProtocol: {
    code: 'upstream_protocol_error', source: 'upstream', retryable: 'reset', status: 502, flag: 'UPE',
    problem: 'upstream-protocol', title: '%s gave an answer that is not valid HTTP/1.1', policy: undefined,
  },
} as const satisfies Record<string, ProxyError>;

/** Base of the problem types; each has a page of that name in the documentation. */
const PROBLEM_BASE = 'https://meshwright.dev/problems/';

/** An RFC 9457 document. `service` is a configured name, never an address. */
export function problemDocument(
  problem: string, title: string, status: number, detail: string, policy: string | undefined, service: string | undefined,
): string {
  return `${JSON.stringify({ type: PROBLEM_BASE + problem, title, status, detail, policy, service })}\n`;
}

export function titleOf(error: ProxyError, service: string | undefined): string {
  return error.title.replace('%s', service ?? 'The service');
}
