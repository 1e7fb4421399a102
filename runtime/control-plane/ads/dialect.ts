import type { DeltaDiscoveryRequest, Node } from '../../xds';
import { requestOf } from './request';
import { encodeResponse, type EncodedResource, type ResourceType } from './snapshot';

/** What a client has sent, in the words of the incremental variant. */
export interface Incoming {
  /** Who asks; a client may leave it out after the first message. */
  readonly node: Node | undefined;
  readonly requests: readonly DeltaDiscoveryRequest[];
}

/** The variant of ADS that one stream speaks: how its messages are read, and how responses are written. */
export interface Dialect {
  /** @throws for bytes that are no request. */
  read(bytes: Buffer): Incoming;
  /** What was held back until the stream is as far as it is by now; asked after the requests of each message. */
  released(): DeltaDiscoveryRequest | undefined;
  /** One response, in parts that follow each other. */
  write(type: ResourceType, nonce: string, resources: readonly EncodedResource[], removed: readonly string[]): readonly Uint8Array[];
  close(): void;
}

/** The incremental variant: what is said is what is meant. */
export const DELTA: Dialect = {
  read: (bytes) => {
    const request = requestOf(bytes);
    return { node: request.node, requests: [request] };
  },
  released: () => undefined,
  write: encodeResponse,
  close: () => {},
};
