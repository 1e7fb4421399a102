import { decode, DeltaDiscoveryResponseSchema, DeltaDiscoveryRequestSchema, encode, Method } from '../../xds';
import type { AdsConfig } from '../bootstrap/types';
import { GRPC_STATUS_NAMES } from '../grpc/status';
import { GrpcCall, type GrpcClientDeps } from '../grpc-client';
import type { ClientTls } from '../transport';
import type { OpenAdsStream } from './types';

/**
 * Streams over gRPC, one connection each: a lost connection is a lost stream, and retried by whoever opened it.
 * @param secure what a connection to `host` is made with at the moment; plain TCP without it
 */
export function grpcStreams(
  config: Pick<AdsConfig, 'authority' | 'connectTimeout' | 'keepalive'>, deps: GrpcClientDeps, secure?: (host: string) => Promise<ClientTls>,
): OpenAdsStream {
  const { authority, connectTimeout, keepalive } = config;
  return (target, events) => {
    const call: GrpcCall = new GrpcCall(deps, {
      target, authority, connectTimeout, keepalive,
      path: Method.DeltaAggregatedResources,
      tls: secure && (async () => secure(target.host)),
      // The configuration of a large mesh has no size that would be wrong.
      maxMessage: Infinity,
    }, {
      message: (bytes) => {
        let response;
        try {
          response = decode(DeltaDiscoveryResponseSchema, bytes);
        } catch (error) {
          call.cancel();
          events.ended(`an answer is no DeltaDiscoveryResponse: ${(error as Error).message}`);
          return;
        }
        events.response(response);
      },
      ended: (status, text) => events.ended(status === 0 ? 'the control plane ended the stream' : `${GRPC_STATUS_NAMES[status]}: ${text}`),
    });
    return { send: (request) => call.send(encode(DeltaDiscoveryRequestSchema, request)), close: () => call.cancel() };
  };
}
