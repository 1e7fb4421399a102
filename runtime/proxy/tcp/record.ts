import type { Host } from '../cluster/types';
import type { ResponseFlag } from '../error';
import type { RequestRecord } from '../observe/types';

/** What is known of a session, in the form that access logs read: what only requests have is empty. */
export abstract class TcpRecord implements RequestRecord {
  readonly method = '';
  readonly path = '';
  readonly authority = '';
  readonly protocol = undefined;
  readonly requestId = '';
  readonly traceparent = '';
  readonly userAgent = '';
  readonly forwardedFor = '';
  readonly routeName = '';
  readonly status = 0;
  flag: ResponseFlag | undefined;
  detail = '';
  upstreamHost: Host | undefined;
  /** Attempts to connect. */
  tries = 0;
  transportFailure = '';
  upstreamTls: RequestRecord['upstreamTls'];
  bytesReceived = 0;
  bytesSent = 0;
  upstreamFirstByte = 0;
  end = 0;

  constructor(readonly start: number, readonly serverName: string) {}

  abstract readonly downstreamAddress: string;
  abstract readonly listener: string;
  abstract readonly chain: string;
  abstract readonly downstreamFailure: string;
  abstract readonly downstreamTls: RequestRecord['downstreamTls'];
  abstract readonly cluster: RequestRecord['cluster'];
}
