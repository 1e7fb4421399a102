import type { Families } from './families';

/** What filters of bodies count, as far as it becomes a metric. */
export interface MeasuredFilter {
  readonly name: string;
  readonly config?: unknown;
  /** Of one that judges by rules, their name. */
  readonly rules?: string;
  readonly stats?: unknown;
}

interface CompressorCounters {
  readonly compressed: number;
  readonly notCompressed: number;
  readonly totalUncompressedBytes: number;
  readonly totalCompressedBytes: number;
}

interface DigestCounters {
  readonly made: number;
  readonly verified: number;
  readonly requestMismatch: number;
  readonly responseMismatch: number;
}

const COMPRESSOR: readonly (readonly [string, keyof CompressorCounters, string])[] = [
  ['compressed', 'compressed', 'Answers that were compressed'],
  ['not_compressed', 'notCompressed', 'Answers that were not'],
  ['total_uncompressed_bytes', 'totalUncompressedBytes', 'Bytes of bodies before they were compressed'],
  ['total_compressed_bytes', 'totalCompressedBytes', 'Bytes of bodies after they were compressed'],
];
const DIGEST: readonly (readonly [string, keyof DigestCounters, string])[] = [
  ['made', 'made', 'Messages that got a digest'],
  ['verified', 'verified', 'Messages whose body is what their digest says'],
  ['request_mismatch', 'requestMismatch', 'Requests that were broken off as their body is not what their digest says'],
  ['response_mismatch', 'responseMismatch', 'Answers that were broken off as their body is not what their digest says'],
];

/** Under Envoy's names: `http.<prefix>.compressor.<filter>.<library>.compressed`, its filter's name without dots being a label here. */
export function collectBodyFilters(filters: readonly MeasuredFilter[], labels: Readonly<Record<string, string>>, into: Families): void {
  for (const { name, config, stats } of filters) {
    if (isCompressor(stats)) {
      const library = LIBRARY[(config as { library: { coding: string } } | undefined)?.library.coding ?? ''];
      if (library === undefined) continue;
      for (const [key, counter, help] of COMPRESSOR) {
        into.counter(`envoy_http_compressor_${key}`, help, `http.{envoy_http_conn_manager_prefix}.compressor.{filter}.{library}.${key}`)
          .add({ ...labels, filter: name, library }, stats[counter]);
      }
    } else if (isDigest(stats)) {
      for (const [key, counter, help] of DIGEST) {
        into.counter(`meshwright_http_digest_${key}_total`, help, `http.{envoy_http_conn_manager_prefix}.digest.{filter}.${key}`)
          .add({ ...labels, filter: name }, stats[counter]);
      }
    }
  }
}

/** Envoy's names of the libraries. */
const LIBRARY: Readonly<Record<string, string>> = { gzip: 'gzip', br: 'brotli', zstd: 'zstd' };

function isCompressor(stats: unknown): stats is CompressorCounters {
  return typeof stats === 'object' && stats !== null && 'notCompressed' in stats;
}

function isDigest(stats: unknown): stats is DigestCounters {
  return typeof stats === 'object' && stats !== null && 'requestMismatch' in stats;
}
