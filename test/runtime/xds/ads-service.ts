import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asBuffer } from '../../../runtime/xds/buffer';
import { decode, encode } from '../../../runtime/xds/codec';
import { Method } from '../../../runtime/xds/methods';
import {
  DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, type DeltaDiscoveryRequest, type DeltaDiscoveryResponse,
} from '../../../runtime/xds/types';

/** An answer as a server may write it: a message, or the bytes of one, so that one encoding serves many streams. */
export type DeltaAnswer = DeltaDiscoveryResponse | Uint8Array;

const deltaAggregatedResources = {
  path: Method.DeltaAggregatedResources,
  requestStream: true,
  responseStream: true,
  requestSerialize: (request: DeltaDiscoveryRequest): Buffer => asBuffer(encode(DeltaDiscoveryRequestSchema, request)),
  requestDeserialize: (bytes: Buffer): DeltaDiscoveryRequest => decode(DeltaDiscoveryRequestSchema, bytes),
  responseSerialize: (answer: DeltaAnswer): Buffer =>
    asBuffer(answer instanceof Uint8Array ? answer : encode(DeltaDiscoveryResponseSchema, answer)),
  responseDeserialize: (bytes: Buffer): DeltaDiscoveryResponse => decode(DeltaDiscoveryResponseSchema, bytes),
  originalName: 'deltaAggregatedResources',
} as const;

/** `envoy.service.discovery.v3.AggregatedDiscoveryService`, its incremental variant, for `Server.addService`. */
export const AdsService = { deltaAggregatedResources } satisfies ServiceDefinition<UntypedServiceImplementation>;

/** What `Server.addService(AdsService, …)` takes. */
export interface AdsHandlers extends UntypedServiceImplementation {
  deltaAggregatedResources(stream: AdsServerStream): void;
}

/** The server's end of a stream. */
export type AdsServerStream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaAnswer>;
