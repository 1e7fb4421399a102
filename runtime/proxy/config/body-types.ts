/** envoy.filters.http.buffer, as far as it is a bound. */
export interface BodyLimitConfig {
  /** max_request_bytes: of a request's body. */
  readonly maxBytes: number;
}

/** envoy.filters.http.fault. */
export interface FaultConfig {
  readonly delay: { readonly duration: number; readonly perMillion: number } | undefined;
  /** One of the two statuses is set. */
  readonly abort: { readonly status: number | undefined; readonly grpcStatus: number | undefined; readonly perMillion: number } | undefined;
}

/** envoy.filters.http.compressor of answers. */
export interface CompressorConfig {
  /** compressor_library. */
  readonly library: CompressorLibrary;
  /** common_config.min_content_length: shorter bodies go as they are; one of unknown length is compressed. */
  readonly minContentLength: number;
  /** common_config.content_type, in lower case. */
  readonly contentTypes: readonly string[];
  /** disable_on_etag_header: an answer with an ETag goes as it is, and keeps a strong one. */
  readonly disableOnEtag: boolean;
  /** remove_accept_encoding_header: upstreams do not hear of what clients accept, so that compressing is left to the proxy. */
  readonly removeAcceptEncoding: boolean;
  /** choose_first: of codings that a client likes alike this one is taken. */
  readonly chooseFirst: boolean;
}

export type CompressorLibrary = GzipConfig | BrotliConfig | ZstdConfig;

export interface GzipConfig {
  readonly coding: 'gzip';
  /** -1 to 9. */
  readonly level: number;
  /** As zlib numbers them. */
  readonly strategy: number;
  /** 9 to 15. */
  readonly windowBits: number;
  /** 1 to 9. */
  readonly memoryLevel: number;
  /** Bytes that are put out at once. */
  readonly chunkSize: number;
}

export interface BrotliConfig {
  readonly coding: 'br';
  /** 0 to 11. */
  readonly quality: number;
  /** As Brotli numbers them: generic, text, font. */
  readonly mode: number;
  /** 10 to 24. */
  readonly windowBits: number;
  /** 16 to 24. */
  readonly blockBits: number;
  readonly disableLiteralContextModeling: boolean;
  readonly chunkSize: number;
}

export interface ZstdConfig {
  readonly coding: 'zstd';
  /** 1 to 22. */
  readonly level: number;
  readonly checksum: boolean;
  /** As zstd numbers them; 0 leaves it to the level. */
  readonly strategy: number;
  readonly chunkSize: number;
}

/** meshwright.v1.Digest: SHA-256 of bodies (RFC 9530). */
export interface DigestConfig {
  readonly request: DigestDirection;
  readonly response: DigestDirection;
}

export interface DigestDirection {
  readonly makeContentDigest: boolean;
  readonly makeReprDigest: boolean;
  readonly verify: boolean;
}
