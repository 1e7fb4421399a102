import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../xds';
import type { HostPort } from '../config/decode/scalars';

/** One delta ADS stream to one control plane. */
export interface AdsStream {
  send(request: DeltaDiscoveryRequest): void;
  /** Ends stream and connection. Nothing is told afterwards. */
  close(): void;
}

export interface AdsStreamEvents {
  response(response: DeltaDiscoveryResponse): void;
  /** Once: the stream is over, whoever ended it. */
  ended(reason: string): void;
}

/** Opens a stream; a connection that cannot be made ends it. */
export type OpenAdsStream = (address: HostPort, events: AdsStreamEvents) => AdsStream;
