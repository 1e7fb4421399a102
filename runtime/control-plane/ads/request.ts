import { decode, DeltaDiscoveryRequestSchema, type DeltaDiscoveryRequest } from '../../xds';
import { TYPES } from './snapshot';

/** Keys of the fields that an acknowledgement has: `type_url` = 2, `response_nonce` = 6, both of text. */
const TYPE_URL = (2 << 3) | 2;
const NONCE = (6 << 3) | 2;
const KNOWN = TYPES.map((type) => ({ type, bytes: Buffer.from(type) }));
const NO_NAMES: string[] = [];
const NO_VERSIONS = Object.freeze({});

/**
 * A request as it came. Nearly all of them acknowledge, a thousand within a tenth of a second: type and nonce, which are read here; everything else is
 * decoded as any other message.
 * @throws for bytes that are no such message.
 */
export function requestOf(bytes: Buffer): DeltaDiscoveryRequest {
  return acknowledgement(bytes) ?? decode(DeltaDiscoveryRequestSchema, bytes);
}

function acknowledgement(bytes: Buffer): DeltaDiscoveryRequest | undefined {
  let typeUrl: string | undefined;
  let nonce: string | undefined;
  let at = 0;
  while (at < bytes.length) {
    const key = bytes[at];
    const end = at + 2 + bytes[at + 1];
    // Longer texts have longer lengths.
    if (end > bytes.length || bytes[at + 1] > 127) return undefined;
    if (key === TYPE_URL && typeUrl === undefined) typeUrl = KNOWN.find((known) => bytes.subarray(at + 2, end).equals(known.bytes))?.type;
    else if (key === NONCE && nonce === undefined) nonce = bytes.toString('utf8', at + 2, end);
    else return undefined;
    at = end;
  }
  if (typeUrl === undefined || nonce === undefined) return undefined;
  return {
    $typeName: 'envoy.service.discovery.v3.DeltaDiscoveryRequest',
    typeUrl,
    responseNonce: nonce,
    resourceNamesSubscribe: NO_NAMES,
    resourceNamesUnsubscribe: NO_NAMES,
    resourceLocatorsSubscribe: [],
    resourceLocatorsUnsubscribe: [],
    initialResourceVersions: NO_VERSIONS,
  };
}
