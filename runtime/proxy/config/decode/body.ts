import {
  Brotli_EncoderMode as EncoderMode, BrotliSchema, BufferPerRouteSchema, BufferSchema, CompressorPerRouteSchema,
  CompressorSchema, DigestSchema, Gzip_CompressionLevel as GzipLevel, GzipSchema, ZstdSchema, unpackAnyAs,
  type Any, type Buffer as BufferFilter, type Compressor, type Digest_Direction, type Digest,
} from '../../../xds';
import type { BodyLimitConfig, CompressorConfig, CompressorLibrary, DigestConfig, DigestDirection } from '../body-types';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HttpFilterConfig } from '../types';
import { inRange } from './scalars';

/** Envoy's defaults. */
const MIN_CONTENT_LENGTH = 30;
const CONTENT_TYPES = [
  'application/javascript', 'application/json', 'application/xhtml+xml', 'image/svg+xml', 'text/css', 'text/html', 'text/plain', 'text/xml',
];
const CHUNK_SIZE = 4_096;
const GZIP_LEVEL = -1, GZIP_MEMORY = 5, GZIP_WINDOW = 12;
const BROTLI_QUALITY = 3, BROTLI_WINDOW = 18, BROTLI_BLOCK = 24;
const ZSTD_LEVEL = 3;

/** A filter that changes or looks at bodies; undefined where it is none. */
export function bodyFilter(any: Any, name: string, path: string, problems: Problems): HttpFilterConfig | undefined {
  const buffer = unpackAnyAs(BufferSchema, any);
  if (buffer) return { kind: 'body_limit', name, config: bodyLimit(buffer, path, problems) };
  const compressor = unpackAnyAs(CompressorSchema, any);
  if (compressor) return { kind: 'compressor', name, config: compressorConfig(compressor, path, problems) };
  const digest = unpackAnyAs(DigestSchema, any);
  return digest && { kind: 'digest', name, config: digestConfig(digest) };
}

/** As `bodyFilter`, of what a route says of it. */
export function bodyFilterOfRoute(any: Any, name: string, path: string, problems: Problems): HttpFilterConfig | undefined {
  const buffer = unpackAnyAs(BufferPerRouteSchema, any);
  if (buffer) {
    const { override } = buffer;
    if (override.case === 'buffer') return { kind: 'body_limit', name, config: bodyLimit(override.value, `${path}.buffer`, problems) };
    if (override.case !== 'disabled' || !override.value) problems.add(`${path}.disabled`, 'must be true');
    return { kind: 'body_limit', name, config: undefined };
  }
  const compressor = unpackAnyAs(CompressorPerRouteSchema, any);
  if (compressor) {
    if (compressor.override.case !== 'disabled' || !compressor.override.value) problems.add(`${path}.disabled`, 'must be true');
    return { kind: 'compressor', name, config: undefined };
  }
  const digest = unpackAnyAs(DigestSchema, any);
  return digest && { kind: 'digest', name, config: digestConfig(digest) };
}

function bodyLimit({ maxRequestBytes }: BufferFilter, path: string, problems: Problems): BodyLimitConfig {
  if (maxRequestBytes === undefined) problems.add(`${path}.max_request_bytes`, 'is required');
  return { maxBytes: inRange(maxRequestBytes ?? 1, 1, 4_294_967_295, `${path}.max_request_bytes`, problems) };
}

function compressorConfig(compressor: Compressor, path: string, problems: Problems): CompressorConfig | undefined {
  const direction = compressor.responseDirectionConfig;
  const common = direction?.commonConfig;
  const library = compressorLibrary(compressor, `${path}.compressor_library`, problems);
  if (library === undefined || common?.enabled?.defaultValue === false) return undefined;
  return {
    library,
    minContentLength: common?.minContentLength ?? MIN_CONTENT_LENGTH,
    contentTypes: (common === undefined || common.contentType.length === 0 ? CONTENT_TYPES : common.contentType).map((type) => type.toLowerCase()),
    disableOnEtag: direction?.disableOnEtagHeader ?? false,
    removeAcceptEncoding: direction?.removeAcceptEncodingHeader ?? false,
    chooseFirst: compressor.chooseFirst,
  };
}

function compressorLibrary(compressor: Compressor, path: string, problems: Problems): CompressorLibrary | undefined {
  const any = compressor.compressorLibrary?.typedConfig;
  const at = `${path}.typed_config`;
  if (any === undefined) {
    problems.add(at, 'is required');
    return undefined;
  }
  const chunkSize = (size: number | undefined) => inRange(size ?? CHUNK_SIZE, 4_096, 65_536, `${at}.chunk_size`, problems);
  const gzip = unpackAnyAs(GzipSchema, any);
  if (gzip) {
    return {
      coding: 'gzip',
      level: gzip.compressionLevel === GzipLevel.DEFAULT_COMPRESSION ? GZIP_LEVEL : inRange(gzip.compressionLevel, 0, 9, `${at}.compression_level`, problems),
      strategy: inRange(gzip.compressionStrategy, 0, 4, `${at}.compression_strategy`, problems),
      windowBits: inRange(gzip.windowBits ?? GZIP_WINDOW, 9, 15, `${at}.window_bits`, problems),
      memoryLevel: inRange(gzip.memoryLevel ?? GZIP_MEMORY, 1, 9, `${at}.memory_level`, problems),
      chunkSize: chunkSize(gzip.chunkSize),
    };
  }
  const brotli = unpackAnyAs(BrotliSchema, any);
  if (brotli) {
    return {
      coding: 'br',
      quality: inRange(brotli.quality ?? BROTLI_QUALITY, 0, 11, `${at}.quality`, problems),
      // Envoy's default and generic are one.
      mode: Math.max(0, inRange(brotli.encoderMode, EncoderMode.DEFAULT, EncoderMode.FONT, `${at}.encoder_mode`, problems) - 1),
      windowBits: inRange(brotli.windowBits ?? BROTLI_WINDOW, 10, 24, `${at}.window_bits`, problems),
      blockBits: inRange(brotli.inputBlockBits ?? BROTLI_BLOCK, 16, 24, `${at}.input_block_bits`, problems),
      disableLiteralContextModeling: brotli.disableLiteralContextModeling,
      chunkSize: chunkSize(brotli.chunkSize),
    };
  }
  const zstd = unpackAnyAs(ZstdSchema, any);
  if (zstd) {
    if (!('createZstdCompress' in process.getBuiltinModule('node:zlib'))) {
      problems.add(at, `Node.js ${process.versions.node} has no zstd: it takes 22.15 or 23.8; use gzip or brotli`);
    }
    return {
      coding: 'zstd',
      level: inRange(zstd.compressionLevel ?? ZSTD_LEVEL, 1, 22, `${at}.compression_level`, problems),
      checksum: zstd.enableChecksum,
      strategy: inRange(zstd.strategy, 0, 9, `${at}.strategy`, problems),
      chunkSize: chunkSize(zstd.chunkSize),
    };
  }
  problems.add(at, `${show(any.typeUrl)} is not a compressor library that is supported`);
  return undefined;
}

function digestConfig({ request, response }: Digest): DigestConfig {
  return { request: digestDirection(request), response: digestDirection(response) };
}

function digestDirection(direction: Digest_Direction | undefined): DigestDirection {
  return {
    makeContentDigest: direction?.makeContentDigest ?? false,
    makeReprDigest: direction?.makeReprDigest ?? false,
    verify: direction?.verify ?? false,
  };
}
