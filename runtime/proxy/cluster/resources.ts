/** What the limits of a cluster are held against. */
export const Resource = { Connections: 0, Pending: 1, Requests: 2, Retries: 3 } as const;
const KINDS = 4;

/** What of a cluster's limits is in use. The limits are the pod's: where several workers serve it, all see the sum of what they use. */
export interface Resources {
  add(kind: number, by: number): void;
  /** In use in the pod. */
  total(kind: number): number;
  /** In use by this worker. */
  own(kind: number): number;
}

/** Of a proxy that is alone in its pod. */
export class OwnResources implements Resources {
  private readonly counts = new Int32Array(KINDS);

  add(kind: number, by: number): void {
    this.counts[kind]! += by;
  }

  total(kind: number): number {
    return this.counts[kind]!;
  }

  own(kind: number): number {
    return this.counts[kind]!;
  }
}

/**
 * Of one of several workers. The totals are exact at every moment; a limit is looked at before it is taken from, as in Envoy, so workers that look
 * at the same time can be over it together, by at most one for each worker beyond the first.
 *
 * The cells are the totals, then each worker's own part of them: what is left of a worker that died is taken out again by `forget`.
 */
export class SharedResources implements Resources {
  private readonly cells: Int32Array;
  private readonly base: number;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.cells = new Int32Array(buffer);
    this.base = KINDS * (1 + worker);
  }

  static bytes(workers: number): number {
    return KINDS * (1 + workers) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Takes out what a worker had in use, once it is gone. */
  static forget(buffer: SharedArrayBuffer, worker: number): void {
    const cells = new Int32Array(buffer);
    for (let kind = 0; kind < KINDS; kind++) Atomics.sub(cells, kind, Atomics.exchange(cells, KINDS * (1 + worker) + kind, 0));
  }

  add(kind: number, by: number): void {
    Atomics.add(this.cells, kind, by);
    Atomics.add(this.cells, this.base + kind, by);
  }

  total(kind: number): number {
    return Atomics.load(this.cells, kind);
  }

  own(kind: number): number {
    return Atomics.load(this.cells, this.base + kind);
  }
}

const PREFIX = 'resources ';

/** Name of the memory in which the workers of a pod count what they use of a cluster. */
export function resourcesName(cluster: string): string {
  return PREFIX + cluster;
}

export function isResourcesName(name: string): boolean {
  return name.startsWith(PREFIX);
}
