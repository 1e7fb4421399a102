import type { CompressorConfig } from '../../config/types';
import type { HttpFilter } from '../types';

/** What a compressor counts, under Envoy's names. */
export class CompressorStats {
  compressed = 0;
  notCompressed = 0;
  totalUncompressedBytes = 0;
  totalCompressedBytes = 0;
}

/** envoy.filters.http.compressor: a coding that answers can get. Which one of a chain's an answer gets is `BodyPlan`'s to say. */
export class CompressorFilter implements HttpFilter {
  readonly stats = new CompressorStats();

  constructor(readonly name: string, readonly config: CompressorConfig | undefined) {}

  /** It has nothing to do with requests. */
  onRequest(): undefined {
    return undefined;
  }
}

/** What of an answer's head decides whether it may be compressed. */
export interface AnswerHead {
  readonly status: number;
  header(lower: string): string | undefined;
}

/** Whether `config` would compress that answer for a client that accepts it; `length` is -1 where the head does not say how long the body is. */
export function isCompressible(config: CompressorConfig, head: AnswerHead, length: number): boolean {
  const { status } = head;
  // 206 and Content-Range: parts of one representation cannot become parts of another (RFC 9110 §14).
  if (status < 200 || status === 204 || status === 206 || status === 304 || (length >= 0 && length < config.minContentLength)) return false;
  if (head.header('content-encoding') !== undefined || head.header('content-range') !== undefined) return false;
  const type = mediaType(head.header('content-type'));
  if (type === undefined || type.startsWith('application/grpc') || !config.contentTypes.includes(type)) return false;
  if (config.disableOnEtag && head.header('etag') !== undefined) return false;
  return !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(head.header('cache-control') ?? '');
}

export function mediaType(field: string | undefined): string | undefined {
  return field?.split(';', 1)[0].trim().toLowerCase();
}

/** RFC 9110 §8.8.1: what is equal only before its coding has no strong validator in common. */
export function weakened(etag: string): string {
  return etag.startsWith('"') ? `W/${etag}` : etag;
}
