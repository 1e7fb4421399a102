import { shortType, TYPES, type Connection, type Resources, type ResourceType } from '../ads';
import type { MeshModel, Service } from '../model';
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
  programmed: number;
  concerned: number;
  readonly refusals: string[];
}

interface Known {
  readonly causes: Causes;
  /** By the set of resources; each is of one service. */
  readonly ofSets: WeakMap<Resources, readonly ObjectName[]>;
}

const known = new WeakMap<MeshModel['backends'], Known>();

/**
 * Progress of every object that any connected proxy has something of. As a rule proxies run all that they are to run, and those of a service share what
 * that is: they are counted, and what their resources were made of is found once, and remembered until the mesh changes. Only who is behind is looked
 * at resource by resource.
 */
export function progress(model: MeshModel, connections: readonly Connection[]): Map<ObjectName, Progress> {
  const { causes, ofSets } = known.get(model.backends) ?? { causes: new Causes(model), ofSets: new WeakMap<Resources, readonly ObjectName[]>() };
  known.set(model.backends, { causes, ofSets });
  const tallies = new Map<ObjectName, Tally>();
  const tally = (object: ObjectName): Tally => {
    const found = tallies.get(object) ?? { programmed: 0, concerned: 0, refusals: [] };
    tallies.set(object, found);
    return found;
  };
  const objectsOf = (service: Service, type: ResourceType, resources: Resources): readonly ObjectName[] => {
    const found = ofSets.get(resources) ?? [...new Set([...resources.keys()].flatMap((name) => causes.of(service, type, name)))];
    ofSets.set(resources, found);
    return found;
  };
  for (const { node, peer, snapshot, stream } of connections) {
    const service = serviceOf(model, node?.service ?? '');
    if (!snapshot || !service) continue;
    const concerned = new Set<ObjectName>();
    const behind = new Set<ObjectName>();
    for (const type of TYPES) {
      const resources = snapshot.types[type];
      if (stream.hasAll(type, snapshot)) {
        for (const object of objectsOf(service, type, resources)) concerned.add(object);
        continue;
      }
      for (const resource of resources.values()) {
        const state = stream.stateOf(type, resource);
        // A client of gRPC asks for the services that it has channels to, each by the one name that it uses.
        if (state === undefined && node?.proxyless) continue;
        for (const object of causes.of(service, type, resource.name)) {
          concerned.add(object);
          if (state !== 'accepted') behind.add(object);
        }
        const refusal = state === 'refused' ? stream.refusalOf(type, resource.name) : undefined;
        if (!refusal) continue;
        const said = `proxy ${peer.id} refused ${shortType(type)} ${resource.name}: ${refusal.message}`;
        for (const object of causes.ofRefusal(service, type, resource, refusal.message)) tally(object).refusals.push(said);
      }
    }
    for (const object of concerned) {
      const one = tally(object);
      one.concerned += 1;
      if (!behind.has(object)) one.programmed += 1;
    }
  }
  return tallies;
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
