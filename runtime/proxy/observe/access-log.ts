import type { Clock } from '../../clock';
import { GRPC_STATUS_NAMES } from '../error';
import { parseFormat, requestHeaders, type FormatPart, type Operator } from './format';
import type { LineBuffer } from './line-buffer';
import type { RequestRecord } from './types';

/** Writes the line of a request, newline included. */
export type FormatLine = (record: RequestRecord, to: LineBuffer) => void;

type Value = string | number | undefined;
type ReadValue = (record: RequestRecord) => Value;

/**
 * Ours: what one needs to know who called whom, what came of it, and which policy acted. The path is without its query, where applications put
 * tokens and names of people; who wants the query too says `%REQ(:PATH)%`.
 */
export const DEFAULT_FORMAT: ReadonlyMap<string, string> = new Map([
  ['time', '%START_TIME%'],
  ['listener', '%LISTENER_NAME%'],
  ['method', '%REQ(:METHOD)%'],
  ['path', '%PATH(NQ:PATH)%'],
  ['authority', '%REQ(:AUTHORITY)%'],
  ['protocol', '%PROTOCOL%'],
  ['status', '%RESPONSE_CODE%'],
  ['flags', '%RESPONSE_FLAGS%'],
  ['detail', '%RESPONSE_CODE_DETAILS%'],
  ['duration', '%DURATION%'],
  ['upstream_duration', '%RESPONSE_DURATION%'],
  ['tries', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%'],
  ['cluster', '%UPSTREAM_CLUSTER%'],
  ['upstream', '%UPSTREAM_HOST%'],
  ['route', '%ROUTE_NAME%'],
  ['client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'],
  ['peer', '%DOWNSTREAM_PEER_URI_SAN%'],
  ['upstream_failure', '%UPSTREAM_TRANSPORT_FAILURE_REASON%'],
  ['request_id', '%REQ(X-REQUEST-ID)%'],
  ['trace_id', '%TRACE_ID%'],
  ['user_agent', '%REQ(USER-AGENT)%'],
  ['bytes_received', '%BYTES_RECEIVED%'],
  ['bytes_sent', '%BYTES_SENT%'],
]);

/**
 * Compiles a JSON format. As in Envoy a member that is one operator keeps the type of its value, a number or null where there is none, and one
 * with text around it is a string with `-` for what is missing.
 */
export function compileFormat(format: ReadonlyMap<string, string>, clock: Clock): FormatLine {
  const members = [...format].map(([name, value], index) => ({
    head: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    write: compileMember(parseFormat(value).parts, clock),
  }));
  const tail = Buffer.from(members.length === 0 ? '{}\n' : '}\n');
  return (record, to) => {
    to.start();
    for (let i = 0; i < members.length; i++) {
      to.literal(members[i].head);
      members[i].write(record, to);
    }
    to.literal(tail);
  };
}

const NULL = Buffer.from('null');

function compileMember(parts: readonly FormatPart[], clock: Clock): FormatLine {
  const reads = parts.map((part): ReadValue => (part.kind === 'text' ? () => part.text : compileOperator(part.operator, clock)));
  if (parts.length === 1 && parts[0].kind === 'operator') {
    const [read] = reads;
    return (record, to) => {
      const value = read(record);
      if (value === undefined) to.literal(NULL);
      else if (typeof value === 'number') to.number(value);
      else to.quoted(value);
    };
  }
  return (record, to) => {
    let joined = '';
    for (const read of reads) joined += read(record) ?? '-';
    to.quoted(joined);
  };
}

function compileOperator(operator: Operator, clock: Clock): ReadValue {
  const read = OPERATOR_VALUES[operator.name](operator, clock);
  const { maxLength } = operator;
  if (maxLength === undefined) return read;
  return (record) => {
    const value = read(record);
    return typeof value === 'string' ? value.slice(0, maxLength) : value;
  };
}

const OPERATOR_VALUES: Readonly<Record<Operator['name'], (operator: Operator, clock: Clock) => ReadValue>> = {
  START_TIME: (_, clock) => startTime(clock),
  REQ: ({ argument }) => firstOf(requestHeaders(argument)),
  PATH: ({ argument }) => (argument.startsWith('NQ') ? (record) => text(withoutQuery(record.path)) : HEADER_VALUES[':path']),
  PROTOCOL: () => (record) => record.protocol,
  RESPONSE_CODE: () => (record) => record.status,
  RESPONSE_FLAGS: () => (record) => record.flag ?? '-',
  RESPONSE_CODE_DETAILS: () => (record) => text(record.detail),
  BYTES_RECEIVED: () => (record) => record.bytesReceived,
  BYTES_SENT: () => (record) => record.bytesSent,
  DURATION: () => (record) => Math.round(record.end - record.start),
  RESPONSE_DURATION: () => (record) => (record.upstreamFirstByte === 0 ? undefined : Math.round(record.upstreamFirstByte - record.start)),
  UPSTREAM_HOST: () => (record) => record.upstreamHost?.key,
  UPSTREAM_CLUSTER: () => (record) => record.cluster?.config.statName,
  UPSTREAM_CLUSTER_RAW: () => (record) => record.cluster?.config.name,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: () => (record) => record.tries,
  ROUTE_NAME: () => (record) => text(record.routeName),
  TRACE_ID: () => (record) => (record.traceparent.length < 35 ? undefined : record.traceparent.slice(3, 35)),
  DOWNSTREAM_REMOTE_ADDRESS: () => (record) => text(record.downstreamAddress),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: () => (record) => withoutPort(record.downstreamAddress),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: () => (record) => withoutPort(record.downstreamAddress),
  LISTENER_NAME: () => (record) => text(record.listener),
  DOWNSTREAM_TLS_VERSION: () => (record) => record.downstreamTls?.version,
  DOWNSTREAM_TLS_CIPHER: () => (record) => record.downstreamTls?.cipher,
  REQUESTED_SERVER_NAME: () => (record) => record.downstreamTls?.serverName ?? text(record.serverName ?? ''),
  DOWNSTREAM_PEER_URI_SAN: () => (record) => list(record.downstreamTls?.peer?.uris),
  DOWNSTREAM_PEER_DNS_SAN: () => (record) => list(record.downstreamTls?.peer?.dnsNames),
  DOWNSTREAM_PEER_SUBJECT: () => (record) => record.downstreamTls?.peer?.subject,
  DOWNSTREAM_PEER_ISSUER: () => (record) => record.downstreamTls?.peer?.issuer,
  DOWNSTREAM_PEER_SERIAL: () => (record) => record.downstreamTls?.peer?.serial.toLowerCase(),
  DOWNSTREAM_PEER_FINGERPRINT_256: () => (record) => record.downstreamTls?.peer?.fingerprint,
  DOWNSTREAM_PEER_CERT_V_START: () => (record) => date(record.downstreamTls?.peer?.notBefore),
  DOWNSTREAM_PEER_CERT_V_END: () => (record) => date(record.downstreamTls?.peer?.notAfter),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: () => (record) => text(record.downstreamFailure),
  UPSTREAM_TLS_VERSION: () => (record) => record.upstreamTls?.version,
  UPSTREAM_TLS_CIPHER: () => (record) => record.upstreamTls?.cipher,
  UPSTREAM_PEER_URI_SAN: () => (record) => list(record.upstreamTls?.peer?.uris),
  UPSTREAM_PEER_DNS_SAN: () => (record) => list(record.upstreamTls?.peer?.dnsNames),
  UPSTREAM_PEER_SUBJECT: () => (record) => record.upstreamTls?.peer?.subject,
  UPSTREAM_PEER_ISSUER: () => (record) => record.upstreamTls?.peer?.issuer,
  UPSTREAM_TRANSPORT_FAILURE_REASON: () => (record) => text(record.transportFailure),
  GRPC_STATUS: ({ argument }) => (argument === 'NUMBER' ? grpcNumber : (record) => grpcName(grpcNumber(record), argument === 'SNAKE_STRING')),
  GRPC_STATUS_NUMBER: () => grpcNumber,
};

function grpcNumber({ grpcStatus = -1 }: RequestRecord): number | undefined {
  return grpcStatus < 0 ? undefined : grpcStatus;
}

/** `DeadlineExceeded`, or `DEADLINE_EXCEEDED`; what Envoy calls `Canceled` is CANCELLED there. */
function grpcName(status: number | undefined, snake: boolean): string | undefined {
  if (status === undefined) return undefined;
  const name = GRPC_STATUS_NAMES[status];
  if (!snake) return name;
  return status === 1 ? 'CANCELLED' : name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}

function list(values: readonly string[] | undefined): string | undefined {
  return values === undefined || values.length === 0 ? undefined : values.join(',');
}

function date(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** Milliseconds after which the wall is looked at again. */
const WALL_CHECK = 100;

/** The record has times of the clock, which does not jump; the log has those of the wall. Many requests begin in the same millisecond. */
function startTime(clock: Clock): ReadValue {
  let offset = 0;
  let checked = -Infinity;
  let last = Number.NaN;
  let shown = '';
  return (record) => {
    if (record.end - checked >= WALL_CHECK) {
      checked = record.end;
      offset = clock.wallTime() - clock.now();
    }
    const time = Math.round(offset + record.start);
    if (time !== last) {
      last = time;
      shown = new Date(time).toISOString();
    }
    return shown;
  };
}

const HEADER_VALUES: Readonly<Record<string, ReadValue>> = {
  ':method': (record) => text(record.method),
  ':path': (record) => text(record.path),
  ':authority': (record) => text(record.authority),
  'x-request-id': (record) => text(record.requestId),
  'user-agent': (record) => text(record.userAgent),
  'x-forwarded-for': (record) => text(record.forwardedFor),
  'traceparent': (record) => text(record.traceparent),
};

function firstOf(headers: readonly string[]): ReadValue {
  const known = headers.map((header) => HEADER_VALUES[header]).filter((read) => read !== undefined);
  if (known.length === 1) return known[0];
  return (record) => {
    for (const read of known) {
      const value = read(record);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

function text(value: string): string | undefined {
  return value === '' ? undefined : value;
}

function withoutPort(address: string): string | undefined {
  if (address.startsWith('[')) return address.slice(1, address.indexOf(']'));
  const colon = address.indexOf(':');
  return text(colon >= 0 && colon === address.lastIndexOf(':') ? address.slice(0, colon) : address);
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
