import type { ProxySnapshot } from '../config/types';

/** A snapshot for a worker: every object that it does not have yet, and what the maps of the snapshot hold by the number of each. */
export interface SnapshotChanges {
  readonly objects: ReadonlyMap<number, object>;
  /** By the names of the snapshot's maps. */
  readonly parts: Readonly<Record<string, readonly (readonly [name: string, object: number])[]>>;
}

/** Gives every object of a snapshot a number, once: what did not change is sent to a worker once, and is the same object there, too. */
export class SnapshotNumbers {
  private readonly numbers = new WeakMap<object, number>();
  private last = 0;

  /** What `worker` has to be sent; it counts as sent then. */
  changes(snapshot: ProxySnapshot, worker: KnownObjects): SnapshotChanges {
    const objects = new Map<number, object>();
    const number = ([name, object]: [string, object]): readonly [string, number] => {
      const numbered = this.numberOf(object);
      if (!worker.has(numbered)) objects.set(numbered, object);
      return [name, numbered];
    };
    const parts = Object.fromEntries(Object.entries<ReadonlyMap<string, object>>({ ...snapshot }).map(([part, map]) => [part, [...map].map(number)]));
    worker.add(objects.keys());
    return { objects, parts };
  }

  private numberOf(object: object): number {
    let number = this.numbers.get(object);
    if (number === undefined) this.numbers.set(object, number = ++this.last);
    return number;
  }
}

/** Which objects a worker has. Sender and receiver drop the same ones: all that a committed snapshot has no use for. */
export class KnownObjects {
  private numbers = new Set<number>();

  has(number: number): boolean {
    return this.numbers.has(number);
  }

  add(numbers: Iterable<number>): void {
    for (const number of numbers) this.numbers.add(number);
  }

  committed(changes: SnapshotChanges): void {
    this.numbers = new Set(numbersOf(changes));
  }
}

/** The worker's side. */
export class SnapshotReader {
  private objects = new Map<number, object>();

  read({ objects, parts }: SnapshotChanges): ProxySnapshot {
    for (const [number, object] of objects) this.objects.set(number, object);
    const maps = Object.entries(parts).map(([part, entries]) => [part, new Map(entries.map(([name, number]) => [name, this.objects.get(number)!]))]);
    return Object.fromEntries(maps) as unknown as ProxySnapshot;
  }

  committed(changes: SnapshotChanges): void {
    const needed = new Set(numbersOf(changes));
    for (const number of this.objects.keys()) if (!needed.has(number)) this.objects.delete(number);
  }
}

function numbersOf({ parts }: SnapshotChanges): number[] {
  return Object.values(parts).flatMap((entries) => entries.map(([, number]) => number));
}
