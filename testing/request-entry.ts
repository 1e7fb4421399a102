import type { RequestRecord } from '../runtime/proxy/observe/types';

/** A request as a proxy saw it, whatever ended it. */
export interface RequestEntry {
  readonly pod: string;
  readonly service: string;
  readonly listener: 'outbound' | 'inbound';
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly route: string;
  readonly cluster: string | undefined;
  readonly upstream: string | undefined;
  /** 0 where nobody was left to answer. */
  readonly status: number;
  /** Envoy's response flag; undefined for an answer of the application's. */
  readonly flag: string | undefined;
  readonly detail: string;
  readonly tries: number;
  /** Virtual milliseconds since the mesh began. */
  readonly start: number;
  readonly end: number;
  readonly requestId: string;
  readonly traceparent: string;
}

/** A pod as a test sees it. */
export interface PodView {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly address: string;
  readonly region: string | undefined;
  readonly zone: string | undefined;
}

export function entryOf(pod: PodView, record: RequestRecord): RequestEntry {
  return {
    pod: pod.name,
    service: pod.service,
    listener: record.listener === 'inbound' ? 'inbound' : 'outbound',
    method: record.method,
    path: record.path,
    authority: record.authority,
    route: record.routeName,
    cluster: record.cluster?.config.name,
    upstream: record.upstreamHost?.key,
    status: record.status,
    flag: record.flag,
    detail: record.detail,
    tries: record.tries,
    start: record.start,
    end: record.end,
    requestId: record.requestId,
    traceparent: record.traceparent,
  };
}
