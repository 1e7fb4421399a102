import { TypeUrl, type Any } from '../../xds';

/** The types that ADS brings, in the order in which a change takes effect without a gap: make before break. */
export const DISCOVERED = [TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS, TypeUrl.SDS] as const;
export type DiscoveredType = (typeof DISCOVERED)[number];

/** A resource as a control plane sends it. */
export interface RawResource {
  readonly name: string;
  readonly version: string;
  readonly resource: Any;
}

export interface ResourceUpdate {
  readonly type: DiscoveredType;
  readonly resources: readonly RawResource[];
  readonly removed: readonly string[];
}

/** A resource that was not taken: the one before it, if there is one, goes on. */
export interface Rejection {
  readonly name: string;
  readonly problems: readonly string[];
}

/** Where what ADS brings is kept, as far as a session needs it. */
export interface DiscoveredStore {
  /** What has to be asked for by name; undefined for the types of which everything is asked for. */
  subscriptions(type: DiscoveredType): ReadonlySet<string> | undefined;
  /** The versions that are held, for initial_resource_versions. */
  versions(type: DiscoveredType): ReadonlyMap<string, string>;
  /** @returns what was not taken. */
  update(update: ResourceUpdate): readonly Rejection[];
}
