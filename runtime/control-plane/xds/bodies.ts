import {
  BrotliSchema, BufferSchema, CompressorSchema, create, DigestSchema, GzipSchema, HttpFilterSchema, packAny, type HttpFilter,
} from '../../xds';
import type { Compression, Service } from '../model';

/** Filters of bodies, in front of the router: what the compressor makes of an answer is what the digest is of. */
export function bodyFilters({ compression, digests }: Service): HttpFilter[] {
  return [
    ...digests ? [digestFilter()] : [],
    ...compression === undefined ? [] : [compressorFilter(compression)],
  ];
}

/** The bound of bodies, among what refuses. */
export function limitFilters({ bodyLimit }: Service): HttpFilter[] {
  return bodyLimit === undefined ? [] : [limitFilter(bodyLimit)];
}

function limitFilter(maxRequestBytes: number): HttpFilter {
  return create(HttpFilterSchema, {
    name: 'envoy.filters.http.buffer',
    configType: { case: 'typedConfig', value: packAny(BufferSchema, create(BufferSchema, { maxRequestBytes })) },
  });
}

function digestFilter(): HttpFilter {
  return create(HttpFilterSchema, {
    name: 'meshwright.digest',
    configType: {
      case: 'typedConfig',
      value: packAny(DigestSchema, create(DigestSchema, { request: { verify: true }, response: { verify: true, makeContentDigest: true } })),
    },
  });
}

function compressorFilter({ library, minBytes }: Compression): HttpFilter {
  const typedConfig = library === 'gzip' ? packAny(GzipSchema, create(GzipSchema)) : packAny(BrotliSchema, create(BrotliSchema));
  return create(HttpFilterSchema, {
    name: 'envoy.filters.http.compressor',
    configType: {
      case: 'typedConfig',
      value: packAny(CompressorSchema, create(CompressorSchema, {
        compressorLibrary: { name: library, typedConfig },
        responseDirectionConfig: { commonConfig: { minContentLength: minBytes } },
      })),
    },
  });
}
