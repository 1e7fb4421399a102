import { shortType, TYPES, type Connection } from '../ads';
import type { MeshModel } from '../model';
import { serviceOf } from '../xds/guest';
import { Causes, type ObjectName } from './causes';

/** How far the proxies are with what was made of an object. */
export interface Progress {
  /** Proxies that run all of it. */
  readonly programmed: number;
  /** Proxies that are to run it. */
  readonly concerned: number;
  /** What proxies said against it. */
  readonly refusals: readonly string[];
}

/** Progress as another replica has told it, of one generation of each object. */
export type SharedProgress = ReadonlyMap<ObjectName, Progress & { readonly generation: number }>;

interface Tally {
  readonly concerned: Set<Connection>;
  readonly behind: Set<Connection>;
  readonly refusals: string[];
}

/** Progress of every object that any connected proxy has something of. */
export function progress(model: MeshModel, connections: readonly Connection[]): Map<ObjectName, Progress> {
  const causes = new Causes(model);
  const tallies = new Map<ObjectName, Tally>();
  const tally = (object: ObjectName): Tally => {
    const found = tallies.get(object) ?? { concerned: new Set(), behind: new Set(), refusals: [] };
    tallies.set(object, found);
    return found;
  };
  for (const connection of connections) {
    const service = serviceOf(model, connection.node?.service ?? '');
    if (!connection.snapshot || !service) continue;
    for (const type of TYPES) {
      for (const resource of connection.snapshot.types[type].values()) {
        const state = connection.stream.stateOf(type, resource);
        // A client of gRPC asks for the services that it has channels to, each by the one name that it uses.
        if (state === undefined && connection.node?.proxyless) continue;
        const objects = causes.of(service, type, resource.name);
        for (const object of objects) {
          const one = tally(object);
          one.concerned.add(connection);
          if (state !== 'accepted') one.behind.add(connection);
        }
        const refusal = state === 'refused' ? connection.stream.refusalOf(type, resource.name) : undefined;
        if (!refusal) continue;
        const said = `proxy ${connection.peer.id} refused ${shortType(type)} ${resource.name}: ${refusal.message}`;
        for (const object of causes.ofRefusal(service, type, resource, refusal.message)) tally(object).refusals.push(said);
      }
    }
  }
  return new Map([...tallies].map(([object, { concerned, behind, refusals }]) => [object, {
    programmed: concerned.size - behind.size, concerned: concerned.size, refusals,
  }]));
}

/**
 * The progress of all replicas together. A replica that knows another generation of an object is behind, or ahead: its proxies are concerned, and do not
 * run this one yet.
 */
export function together(
  own: ReadonlyMap<ObjectName, Progress>, others: readonly SharedProgress[], generations: ReadonlyMap<ObjectName, number>,
): Map<ObjectName, Progress> {
  const all = new Map(own);
  for (const other of others) {
    for (const [object, told] of other) {
      const before = all.get(object) ?? { programmed: 0, concerned: 0, refusals: [] };
      const same = generations.get(object) === told.generation;
      all.set(object, {
        programmed: before.programmed + (same ? told.programmed : 0),
        concerned: before.concerned + told.concerned,
        refusals: same ? [...before.refusals, ...told.refusals] : before.refusals,
      });
    }
  }
  return all;
}
