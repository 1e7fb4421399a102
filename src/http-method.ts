/** HTTP methods (RFC 9110 §9, RFC 5789). */
export enum HttpMethod {
  /** Safe, hence idempotent. */
  GET = 'GET',
  /** Safe, hence idempotent. */
  HEAD = 'HEAD',
  /** Safe, hence idempotent. */
  OPTIONS = 'OPTIONS',
  /** Safe, hence idempotent. */
  TRACE = 'TRACE',
  /** Idempotent. */
  PUT = 'PUT',
  /** Idempotent. */
  DELETE = 'DELETE',
  /** Neither safe nor idempotent. */
  POST = 'POST',
  /** Neither safe nor idempotent. */
  PATCH = 'PATCH',
}
