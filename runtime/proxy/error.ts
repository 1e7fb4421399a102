/** Status codes of gRPC (google.rpc.Code) by number. */
export const GrpcStatus = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** Names by number, as access logs show them. */
export const GRPC_STATUS_NAMES: readonly string[] = [
  'OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted',
  'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated',
];

/** Envoy's response flags, as access logs and metrics show them. */
/** Of several for one end the usual combination is a member of its own. */
export type ResponseFlag = 'UH' | 'UF' | 'UO' | 'NR' | 'URX' | 'NC' | 'UT' | 'DC' | 'UC' | 'UR' | 'RL' | 'UPE' | 'DPE' | 'SI' | 'UAEX' | 'OM' | 'LR' | 'DT' | 'FI'
  | 'UF,URX' | 'DI' | `DI,${string}` | `${string},DI`;

/** Flags that Envoy writes in front of `DI`. */
const BEFORE_DELAY: ReadonlySet<string> = new Set(['UH', 'UT', 'LR', 'UR', 'UF', 'UC', 'UO', 'NR']);

/** The flag of a request that was delayed on purpose, whatever ended it. */
export function delayed(flag: ResponseFlag | undefined): ResponseFlag {
  if (flag === undefined) return 'DI';
  return BEFORE_DELAY.has(flag) ? `${flag},DI` : `DI,${flag}`;
}

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
  /** What a call of gRPC ends with; undefined: what gRPC makes of `status`. */
  readonly grpcStatus?: number;
}

function row(
  code: string, source: ProxyError['source'], status: number, flag: ResponseFlag | undefined, problem: string, policy: string | undefined,
  retryable: ProxyError['retryable'], title: string, grpcStatus?: number,
): ProxyError {
  return { code, source, retryable, status, flag, problem, title, policy, grpcStatus };
}

export const ERRORS = {
  // The client's message. Each closes its connection: where the next request begins is not known any more.
  badRequest: row('http1_codec_error', 'downstream', 400, 'DPE', 'malformed-request', undefined, undefined,
    'The request is not valid HTTP/1.1'),
  badHost: row('invalid_host', 'downstream', 400, 'DPE', 'invalid-host', undefined, undefined,
    'The request has no valid Host'),
  targetTooLong: row('request_target_too_long', 'downstream', 414, 'DPE', 'target-too-long', undefined, undefined,
    'The request target is too long'),
  headTooLarge: row('request_headers_too_large', 'downstream', 431, 'DPE', 'headers-too-large', undefined, undefined,
    'The request headers are too large or too many', GrpcStatus.ResourceExhausted),
  headTimeout: row('request_header_timeout', 'downstream', 408, undefined, 'headers-timeout', 'timeout', undefined,
    'The request headers did not arrive in time', GrpcStatus.DeadlineExceeded),
  unknownCoding: row('unknown_transfer_coding', 'downstream', 501, 'DPE', 'unknown-transfer-coding', undefined, undefined,
    'The request has a transfer coding other than chunked'),
  connectRefused: row('connect_not_allowed', 'downstream', 501, 'DPE', 'connect-not-allowed', 'route', undefined,
    'CONNECT is not configured here'),
  httpVersion: row('unsupported_version', 'downstream', 505, 'DPE', 'unsupported-version', undefined, undefined,
    'Only HTTP/1.1 and HTTP/1.0 are spoken here'),
  http10: row('low_version', 'downstream', 426, 'DPE', 'http-1.0-not-accepted', undefined, undefined,
    'HTTP/1.0 is not accepted here'),
  requestIdle: row('stream_idle_timeout', 'downstream', 408, 'SI', 'request-idle', 'timeout', undefined,
    'The request stood still for too long', GrpcStatus.DeadlineExceeded),
  requestTimeout: row('request_overall_timeout', 'downstream', 408, undefined, 'request-timeout', 'timeout', undefined,
    'The request did not arrive in time', GrpcStatus.DeadlineExceeded),
  upgradeRefused: row('upgrade_failed', 'downstream', 403, undefined, 'upgrade-not-allowed', 'route', undefined,
    'An upgrade to WebSocket is not configured here'),
  requestDigest: row('request_digest_mismatch', 'downstream', 400, 'DPE', 'digest-mismatch', 'digest', undefined,
    'The body of the request is not what its digest says'),
  bodyTooLarge: row('request_payload_too_large', 'downstream', 413, undefined, 'body-too-large', 'size-limit', undefined,
    'The body of the request is larger than is allowed', GrpcStatus.ResourceExhausted),
  clientGone: row('downstream_remote_disconnect', 'downstream', 0, 'DC', 'client-gone', undefined, undefined,
    'The client went away'),
  // Configuration.
  noRoute: row('route_not_found', 'config', 404, 'NR', 'no-route', 'route', undefined,
    'No route matches the request'),
  noCluster: row('cluster_not_found', 'config', 503, 'NC', 'unknown-service', 'route', undefined,
    'The route leads to %s, which is not known here'),
  // Policies.
  accessDenied: row('rbac_access_denied', 'proxy', 403, 'UAEX', 'access-denied', 'authorization', undefined,
    'The caller may not do this'),
  tokenMissing: row('jwt_authn_access_denied', 'proxy', 401, 'UAEX', 'token-missing', 'authentication', undefined,
    'The request has no token', GrpcStatus.Unauthenticated),
  tokenInvalid: row('jwt_authn_access_denied', 'proxy', 401, 'UAEX', 'token-invalid', 'authentication', undefined,
    'The token of the request is not valid here', GrpcStatus.Unauthenticated),
  tokenInsufficient: row('rbac_access_denied', 'proxy', 403, 'UAEX', 'token-insufficient', 'authorization', undefined,
    'The token of the request does not allow this', GrpcStatus.PermissionDenied),
  tokenKeysUnavailable: row('jwt_keys_unavailable', 'proxy', 503, 'UAEX', 'token-keys-unavailable', 'authentication', undefined,
    'The keys that verify tokens cannot be had at this time', GrpcStatus.Unavailable),
  outsideDenied: row('outside_access_denied', 'proxy', 502, 'UAEX', 'outside-denied', 'outside-traffic', undefined,
    'The host is outside of the mesh, and the caller may not reach it', GrpcStatus.PermissionDenied),
  overloaded: row('overload', 'proxy', 503, 'OM', 'overloaded', 'overload', undefined,
    'The proxy is overloaded and takes no more requests for now'),
  circuitOpen: row('circuit_open', 'proxy', 503, 'UO', 'circuit-open', 'circuit-breaker', undefined,
    'The circuit breaker of %s is open after too many failures'),
  overflow: row('overflow', 'proxy', 503, 'UO', 'bulkhead-full', 'bulkhead', undefined,
    'The bulkhead of %s is full'),
  retryOverflow: row('retry_overflow', 'proxy', 503, 'UO', 'retry-budget-exhausted', 'retry', undefined,
    'The retry budget of %s is exhausted'),
  noHealthyUpstream: row('no_healthy_upstream', 'proxy', 503, 'UH', 'no-healthy-endpoint', 'load-balancer', undefined,
    '%s has no endpoint that takes requests'),
  timeout: row('response_timeout', 'proxy', 504, 'UT', 'timeout', 'timeout', undefined,
    '%s did not answer within the timeout of the route', GrpcStatus.DeadlineExceeded),
  perTryTimeout: row('upstream_per_try_timeout', 'proxy', 504, 'UT', 'per-try-timeout', 'timeout', 'per-try-timeout',
    '%s did not answer within the timeout of a try', GrpcStatus.DeadlineExceeded),
  maxDuration: row('max_duration_timeout', 'proxy', 504, 'DT', 'max-duration', 'timeout', undefined,
    '%s did not end its answer within the time that route and caller leave it', GrpcStatus.DeadlineExceeded),
  messageTooLarge: row('grpc_message_too_large', 'proxy', 413, undefined, 'message-too-large', 'message-size', undefined,
    'A message of the call with %s is longer than is allowed', GrpcStatus.ResourceExhausted),
  responseIdle: row('stream_idle_timeout', 'proxy', 504, 'SI', 'response-idle', 'timeout', undefined,
    '%s stood still for too long', GrpcStatus.DeadlineExceeded),
  // The upstream.
  connectFailure: row('upstream_connection_failure', 'upstream', 503, 'UF', 'connect-failure', undefined, 'connect-failure',
    'No connection to %s could be made'),
  connectTimeout: row('upstream_connection_timeout', 'upstream', 503, 'UF', 'connect-timeout', 'timeout', 'connect-failure',
    'No connection to %s could be made in time'),
  upstreamReset: row('upstream_reset_before_response_started', 'upstream', 503, 'UC', 'upstream-reset', undefined, 'reset',
    '%s closed the connection without an answer'),
  upstreamAborted: row('upstream_reset_after_response_started', 'upstream', 0, 'UC', 'upstream-aborted', undefined, undefined,
    '%s broke off its answer'),
  responseDigest: row('response_digest_mismatch', 'upstream', 502, 'UPE', 'upstream-digest-mismatch', 'digest', undefined,
    'The body of the answer of %s is not what its digest says'),
  upstreamProtocol: row('upstream_protocol_error', 'upstream', 502, 'UPE', 'upstream-protocol', undefined, 'reset',
    '%s gave an answer that is not valid HTTP/1.1'),
} satisfies Record<string, ProxyError>;

/** Base of the problem types; docs/problems.md explains each. */
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
