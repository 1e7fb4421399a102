import { createHash } from 'node:crypto';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, create, DeltaDiscoveryResponseSchema, encode, ListenerSchema, packAny, RouteConfigurationSchema,
  SecretSchema, TypeUrl, type Cluster, type ClusterLoadAssignment, type Listener, type RouteConfiguration, type Secret,
} from '../../xds';
import type { XdsResources } from '../xds';

/** Types in the order in which they are sent: nothing is referred to before it is there. */
export const TYPES = [TypeUrl.SDS, TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS] as const;
export type ResourceType = (typeof TYPES)[number];

export type XdsMessage = Cluster | ClusterLoadAssignment | Listener | RouteConfiguration | Secret;

/** A resource as it goes over the wire. */
export interface EncodedResource {
  readonly name: string;
  /** Hash of the contents: equal on every replica. */
  readonly version: string;
  /**
   * A DeltaDiscoveryResponse with nothing but this resource. Protobuf merges messages that follow each other and appends repeated fields, so a
   * response of many resources is the bytes of each, one behind the other, and each is encoded once for all streams.
   */
  readonly bytes: Uint8Array;
  readonly message: XdsMessage;
}

/** Everything that one proxy has to run. */
export interface Snapshot {
  readonly types: Readonly<Record<ResourceType, ReadonlyMap<string, EncodedResource>>>;
}

const encoded = new WeakMap<XdsMessage, EncodedResource>();

/** Messages that are the same object are encoded once. */
export function snapshotOf(resources: XdsResources): Snapshot {
  return {
    types: {
      [TypeUrl.SDS]: byName(resources.secrets.map((one) => encodeOnce(one, one.name, () => packAny(SecretSchema, one)))),
      [TypeUrl.CDS]: byName(resources.clusters.map((one) => encodeOnce(one, one.name, () => packAny(ClusterSchema, one)))),
      [TypeUrl.EDS]: byName(resources.endpoints.map((one) => encodeOnce(one, one.clusterName, () => packAny(ClusterLoadAssignmentSchema, one)))),
      [TypeUrl.LDS]: byName(resources.listeners.map((one) => encodeOnce(one, one.name, () => packAny(ListenerSchema, one)))),
      [TypeUrl.RDS]: byName(resources.routes.map((one) => encodeOnce(one, one.name, () => packAny(RouteConfigurationSchema, one)))),
    },
  };
}

/** Whether a client would notice a difference. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return TYPES.every((type) => {
    const [left, right] = [a.types[type], b.types[type]];
    return left.size === right.size && [...left].every(([name, one]) => right.get(name)?.version === one.version);
  });
}

function encodeOnce(message: XdsMessage, name: string, pack: () => ReturnType<typeof packAny>): EncodedResource {
  const found = encoded.get(message);
  if (found) return found;
  const resource = pack();
  const version = createHash('sha256').update(resource.value).digest('hex').slice(0, 16);
  const bytes = encode(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { resources: [{ name, version, resource }] }));
  const made = { name, version, bytes, message };
  encoded.set(message, made);
  return made;
}

function byName(resources: readonly EncodedResource[]): Map<string, EncodedResource> {
  return new Map(resources.map((one) => [one.name, one]));
}

/** The bytes of a whole response. */
export function encodeResponse(typeUrl: string, nonce: string, resources: readonly EncodedResource[], removedResources: string[]): Uint8Array {
  const head = encode(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, removedResources }));
  return Buffer.concat([head, ...resources.map(({ bytes }) => bytes)]);
}
