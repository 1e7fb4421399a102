/** Options of `Region.of`. */
export interface RegionOptions {
  /**
   * Kubernetes zones of the region, as in the node label `topology.kubernetes.io/zone`. An endpoint belongs to the region that names its zone.
   *
   * @default - no zone: pods are placed by the region's own label, and no endpoint counts as being in the region
   */
  readonly zones?: string[];
  /**
   * Geohash prefixes that are served here; over all regions of a mesh the longest match wins.
   *
   * @default - none: no geohash leads here
   */
  readonly geohashes?: string[];
}

/** A place that workloads run in: xDS locality `region`. */
export class Region {
  /**
   * A region by its name.
   *
   * @param name the value of the node label `topology.kubernetes.io/region`, a DNS label
   * @param options zones and geohash prefixes
   */
  public static of(name: string, options: RegionOptions = {}): Region {
    return new Region(name, [...options.zones ?? []], [...options.geohashes ?? []]);
  }

  /** Name, as in the node label `topology.kubernetes.io/region`. */
  public readonly name: string;
  /** Kubernetes zones of the region. */
  public readonly zones: string[];
  /** Geohash prefixes that are served here. */
  public readonly geohashes: string[];

  private constructor(name: string, zones: string[], geohashes: string[]) {
    this.name = name;
    this.zones = zones;
    this.geohashes = geohashes;
  }
}
