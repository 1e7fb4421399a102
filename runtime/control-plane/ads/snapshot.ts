import { createHash } from 'node:crypto';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, create, DeltaDiscoveryResponseSchema, encode, ListenerSchema, packAny, RouteConfigurationSchema,
  SecretSchema, TypeUrl, type Cluster, type ClusterLoadAssignment, type Listener, type RouteConfiguration, type Secret,
} from '../../xds';
import type { XdsResources } from '../xds';
import { withVersions, type Resources } from './versions';
import { textField } from './wire';

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
  readonly types: Readonly<Record<ResourceType, Resources>>;
}

const encoded = new WeakMap<XdsMessage, EncodedResource>();

/** Messages that are the same object are encoded once. Sets that are as in `before` are the same objects. */
export function snapshotOf(resources: XdsResources, before?: Snapshot): Snapshot {
  const set = (type: ResourceType, all: readonly EncodedResource[]) => sameOr(before?.types[type], byName(all));
  return sameSnapshotOr(before, {
    types: {
      [TypeUrl.SDS]: set(TypeUrl.SDS, resources.secrets.map((one) => encodeOnce(one, one.name, () => packAny(SecretSchema, one)))),
      [TypeUrl.CDS]: set(TypeUrl.CDS, resources.clusters.map((one) => encodeOnce(one, one.name, () => packAny(ClusterSchema, one)))),
      [TypeUrl.EDS]: set(TypeUrl.EDS, encodedEndpoints(resources.endpoints)),
      [TypeUrl.LDS]: set(TypeUrl.LDS, encodedListeners(resources.listeners)),
      [TypeUrl.RDS]: set(TypeUrl.RDS, resources.routes.map((one) => encodeOnce(one, one.name, () => packAny(RouteConfigurationSchema, one)))),
    },
  });
}

/** A snapshot with other versions of some of its endpoints. */
export function withEndpoints(snapshot: Snapshot, endpoints: readonly ClusterLoadAssignment[]): Snapshot {
  const changed = withVersions(snapshot.types[TypeUrl.EDS], encodedEndpoints(endpoints));
  return sameSnapshotOr(snapshot, { types: { ...snapshot.types, [TypeUrl.EDS]: changed } });
}

/** A snapshot with the listeners of one that a proxy had. */
export function withListenersOf(snapshot: Snapshot, before: Snapshot): Snapshot {
  return sameSnapshotOr(before, { types: { ...snapshot.types, [TypeUrl.LDS]: before.types[TypeUrl.LDS] } });
}

/** A snapshot with other listeners: all that is of one proxy alone. */
export function withListeners(snapshot: Snapshot, listeners: readonly Listener[], before?: Snapshot): Snapshot {
  const all = encodedListeners(listeners);
  const old = before?.types[TypeUrl.LDS];
  const same = old?.size === all.length && all.every((one) => old.get(one.name) === one);
  const types = { ...snapshot.types, [TypeUrl.LDS]: same ? old : sameOr(old, byName(all)) };
  return sameSnapshotOr(before, { types });
}

function encodedEndpoints(endpoints: readonly ClusterLoadAssignment[]): EncodedResource[] {
  return endpoints.map((one) => encodeOnce(one, one.clusterName, () => packAny(ClusterLoadAssignmentSchema, one)));
}

function encodedListeners(listeners: readonly Listener[]): EncodedResource[] {
  return listeners.map((one) => encodeOnce(one, one.name, () => packAny(ListenerSchema, one)));
}

function sameSnapshotOr(before: Snapshot | undefined, next: Snapshot): Snapshot {
  return before && TYPES.every((type) => before.types[type] === next.types[type]) ? before : next;
}

/** The set that was there before, where a client would notice no difference. */
function sameOr(before: Resources | undefined, next: Resources): Resources {
  return before?.size === next.size && [...next.values()].every(({ name, version }) => before.get(name)?.version === version) ? before : next;
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

/**
 * A whole response, as parts that follow each other. Its own fields are written here, as they are few and it is made for each client: `type_url` = 4, `nonce` = 5,
 * `removed_resources` = 6.
 */
export function encodeResponse(type: ResourceType, nonce: string, resources: readonly EncodedResource[], removed: readonly string[]): Uint8Array[] {
  return [HEADS[type], textField(5, nonce), ...removed.map((name) => textField(6, name)), ...resources.map(({ bytes }) => bytes)];
}

const HEADS = Object.fromEntries(TYPES.map((type) => [type, textField(4, type)])) as Record<ResourceType, Buffer>;
