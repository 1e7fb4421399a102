import type { Cluster, Host } from '../cluster/types';
import type { ResponseFlag } from '../error';

/** A TLS connection as logs show it. */
export interface TlsView {
  readonly version: string;
  readonly cipher: string;
  readonly alpn: string | undefined;
  readonly serverName: string | undefined;
  readonly peer: {
    readonly subject: string;
    readonly issuer: string;
    readonly serial: string;
    readonly fingerprint: string;
    readonly uris: readonly string[];
    readonly dnsNames: readonly string[];
    readonly notBefore: number;
    readonly notAfter: number;
  } | undefined;
}

/**
 * Everything that is known of a request when it ends, whatever ended it. The data path keeps one such object per stream and reuses it; what an
 * observer wants to keep it copies. Times are milliseconds of the clock; 0 where the point was never reached.
 */
export interface RequestRecord {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly path: string;
  readonly authority: string;
  /** Undefined for a TCP connection. */
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | undefined;
  readonly requestId: string;
  /** W3C traceparent as it was sent upstream. */
  readonly traceparent: string;
  readonly userAgent: string;
  readonly forwardedFor: string;
  readonly downstreamAddress: string;
  /** SNI of the client. */
  readonly serverName?: string;
  readonly listener: string;
  /** Key of the filter chain. */
  readonly chain: string;
  readonly routeName: string;
  readonly cluster: Cluster | undefined;
  /** Of the last try. */
  readonly upstreamHost: Host | undefined;
  /** 0 where the client went away before an answer. */
  readonly status: number;
  /** How a call of gRPC ended; -1 or undefined: it did not say, or is none. */
  readonly grpcStatus?: number;
  readonly flag: ResponseFlag | undefined;
  /** What the flag means here: which policy acted, and on what (RESPONSE_CODE_DETAILS). */
  readonly detail: string;
  /** Why the last connection to an upstream failed, where TLS was the reason: expected and found identity are in it. Empty otherwise. */
  readonly transportFailure: string;
  /** As `transportFailure`, of the client's connection, which was broken by it. */
  readonly downstreamFailure: string;
  /** What the client, and the upstream of the last try, agreed on; undefined: plain TCP. */
  readonly downstreamTls: TlsView | undefined;
  readonly upstreamTls: TlsView | undefined;
  readonly tries: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly start: number;
  /** First byte of the answer from the upstream. */
  readonly upstreamFirstByte: number;
  readonly end: number;
}

/** Told of what the data path does, synchronously and on its hot path: it copies what it wants to keep and returns. */
export interface Observer {
  /** Exactly once for every request, whatever ended it; `record` is reused as soon as this returns. */
  requestEnded(record: RequestRecord): void;
  /** Exactly once for every connection of a tcp_proxy; what only requests have is empty. */
  connectionEnded?(record: RequestRecord): void;
}
