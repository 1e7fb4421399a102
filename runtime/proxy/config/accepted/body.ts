import { accepted, acceptedWith, each, ignored, only, type RuleTable } from './rule';

const FILTER = 'envoy.extensions.filters.http.compressor.v3';
const LIBRARY = 'envoy.extensions.compression';
const chunkSize = acceptedWith('4096 bytes by default');

/** Filters that change or look at bodies. */
export const bodyRules: RuleTable = {
  'envoy.extensions.filters.http.buffer.v3.Buffer': {
    max_request_bytes: acceptedWith('required; a larger body is 413. It is measured as it passes, where Envoy waits for all of it'),
  },
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': { disabled: only([true]), buffer: accepted },
  [`${FILTER}.Compressor`]: {
    compressor_library: acceptedWith('required: Gzip, Brotli, or Zstd where the Node.js that runs the proxy has it (22.15, 23.8)'),
    response_direction_config: accepted,
    choose_first: acceptedWith('between codings that the client likes alike; else the first filter of the chain'),
  },
  [`${FILTER}.Compressor.ResponseDirectionConfig`]: each(['common_config', 'disable_on_etag_header', 'remove_accept_encoding_header'], accepted),
  [`${FILTER}.Compressor.CommonDirectionConfig`]: {
    enabled: acceptedWith('true by default'),
    min_content_length: acceptedWith('30 bytes by default; a body of unknown length is compressed'),
    content_type: acceptedWith('Envoy\'s list by default'),
  },
  [`${FILTER}.CompressorPerRoute`]: { disabled: only([true]) },
  'envoy.config.core.v3.RuntimeFeatureFlag': {
    default_value: acceptedWith('true by default'),
    runtime_key: ignored('there are no runtime keys here; default_value holds'),
  },
  [`${LIBRARY}.gzip.compressor.v3.Gzip`]: {
    memory_level: acceptedWith('5 by default'), compression_level: accepted, compression_strategy: accepted, window_bits: acceptedWith('12 by default'),
    chunk_size: chunkSize,
  },
  [`${LIBRARY}.brotli.compressor.v3.Brotli`]: {
    quality: acceptedWith('3 by default'), encoder_mode: accepted, window_bits: acceptedWith('18 by default'),
    input_block_bits: acceptedWith('24 by default'), chunk_size: chunkSize, disable_literal_context_modeling: accepted,
  },
  [`${LIBRARY}.zstd.compressor.v3.Zstd`]: {
    compression_level: acceptedWith('3 by default'), enable_checksum: accepted, strategy: accepted, chunk_size: chunkSize,
  },
  'meshwright.v1.Digest': { request: accepted, response: accepted },
  'meshwright.v1.Digest.Direction': each(['make_content_digest', 'make_repr_digest', 'verify'], accepted),
};
