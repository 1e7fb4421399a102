/** Parts of an access log's format string: text, or the value of a command operator. */
export type FormatPart = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'operator'; readonly operator: Operator };

/** A command operator of Envoy's that the proxy has a value for. */
export interface Operator {
  readonly name: OperatorName;
  /** `YEAR-MONTH…` of START_TIME is not supported; the argument is that of REQ. */
  readonly argument: string;
  /** Characters after which the value is cut. */
  readonly maxLength: number | undefined;
}

export const OPERATORS = [
  'START_TIME', 'REQ', 'PATH', 'PROTOCOL', 'RESPONSE_CODE', 'RESPONSE_FLAGS', 'RESPONSE_CODE_DETAILS', 'BYTES_RECEIVED', 'BYTES_SENT', 'DURATION',
  'RESPONSE_DURATION', 'UPSTREAM_HOST', 'UPSTREAM_CLUSTER', 'UPSTREAM_CLUSTER_RAW', 'UPSTREAM_REQUEST_ATTEMPT_COUNT', 'ROUTE_NAME', 'TRACE_ID',
  'DOWNSTREAM_REMOTE_ADDRESS', 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT', 'LISTENER_NAME',
  'DOWNSTREAM_TLS_VERSION', 'DOWNSTREAM_TLS_CIPHER', 'REQUESTED_SERVER_NAME', 'DOWNSTREAM_PEER_URI_SAN', 'DOWNSTREAM_PEER_DNS_SAN', 'DOWNSTREAM_PEER_SUBJECT',
  'DOWNSTREAM_PEER_ISSUER', 'DOWNSTREAM_PEER_SERIAL', 'DOWNSTREAM_PEER_FINGERPRINT_256', 'DOWNSTREAM_PEER_CERT_V_START', 'DOWNSTREAM_PEER_CERT_V_END',
  'DOWNSTREAM_TRANSPORT_FAILURE_REASON', 'UPSTREAM_TLS_VERSION', 'UPSTREAM_TLS_CIPHER', 'UPSTREAM_PEER_URI_SAN', 'UPSTREAM_PEER_DNS_SAN',
  'UPSTREAM_PEER_SUBJECT', 'UPSTREAM_PEER_ISSUER', 'UPSTREAM_TRANSPORT_FAILURE_REASON', 'GRPC_STATUS', 'GRPC_STATUS_NUMBER',
] as const;
export type OperatorName = (typeof OPERATORS)[number];

/** Request headers that a request's record keeps. Others are not there: a log must not pick up `authorization` or `cookie` by a typing error. */
export const LOGGED_HEADERS = [':method', ':path', ':authority', 'x-request-id', 'user-agent', 'x-forwarded-for', 'traceparent'] as const;

export interface ParsedFormat {
  readonly parts: readonly FormatPart[];
  /** What is wrong with the string; undefined where nothing is. */
  readonly problem: string | undefined;
}

/** Parses a format string: `%NAME%`, `%NAME(argument)%`, `%NAME(argument):length%`, and `%%` for a percent sign. */
export function parseFormat(text: string): ParsedFormat {
  const parts: FormatPart[] = [];
  const fail = (problem: string): ParsedFormat => ({ parts: [], problem: `${JSON.stringify(text)}: ${problem}` });
  let literal = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== '%') {
      literal += text[at++];
    } else if (text[at + 1] === '%') {
      literal += '%';
      at += 2;
    } else {
      const match = /^%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%/.exec(text.slice(at));
      if (!match) return fail('a command operator is %NAME%, %NAME(argument)% or %NAME(argument):length%; a percent sign is %%');
      const [whole, name, argument = '', length] = match;
      if (!OPERATORS.includes(name as OperatorName)) return fail(`%${name}% is not supported: one of ${OPERATORS.join(', ')}`);
      const problem = argumentProblem(name as OperatorName, argument);
      if (problem !== undefined) return fail(problem);
      if (literal !== '') parts.push({ kind: 'text', text: literal });
      literal = '';
      parts.push({ kind: 'operator', operator: { name: name as OperatorName, argument, maxLength: length === undefined ? undefined : Number(length) } });
      at += whole.length;
    }
  }
  if (literal !== '' || parts.length === 0) parts.push({ kind: 'text', text: literal });
  return { parts, problem: undefined };
}

/** With or without its query; of what the client sent, which is also what is left of it: no filter here keeps an original path. */
const PATHS = ['WQ:PATH', 'NQ:PATH', 'WQ:ORIG_OR_PATH', 'NQ:ORIG_OR_PATH'];

function argumentProblem(name: OperatorName, argument: string): string | undefined {
  if (name === 'PATH') return PATHS.includes(argument) ? undefined : `%PATH(${argument})% is not supported: one of ${PATHS.join(', ')}`;
  if (name === 'GRPC_STATUS') {
    return ['', 'CAMEL_STRING', 'SNAKE_STRING', 'NUMBER'].includes(argument) ? undefined
      : `%GRPC_STATUS(${argument})% is not supported: CAMEL_STRING, SNAKE_STRING or NUMBER`;
  }
  if (name !== 'REQ') return argument === '' ? undefined : `%${name}% takes no argument`;
  const headers = requestHeaders(argument);
  if (headers.length === 0 || headers.length > 2) return '%REQ(name)% or %REQ(name?other)% names one or two headers';
  return headers.some((header) => (LOGGED_HEADERS as readonly string[]).includes(header)) ? undefined
    : `%REQ(${argument})%: no such header is kept for logs; one of ${LOGGED_HEADERS.join(', ')}`;
}

/** `X-ENVOY-ORIGINAL-PATH?:PATH` is the first of the two that has a value. */
export function requestHeaders(argument: string): string[] {
  return argument.split('?').map((header) => header.trim().toLowerCase()).filter((header) => header !== '');
}
