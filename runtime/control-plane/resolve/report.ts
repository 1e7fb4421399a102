import { describeId, type Resource, type ResourceId, type ResourceSet } from '../resources';

/** What is known of one aspect of an object: fine, or why not. */
export interface Verdict {
  readonly ok: boolean;
  readonly reason: string;
  readonly messages: readonly string[];
}

/** What is known of a route at one of its parents. */
export interface ParentVerdict extends Verdict {
  /** Namespace of the mesh that the parent belongs to; undefined where it belongs to none. */
  readonly mesh?: string;
}

/** What the control plane makes of an object that has a status. */
export interface ObjectReport {
  readonly id: ResourceId;
  readonly apiVersion: string;
  readonly location: string;
  readonly generation: number;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  /** Of a route: what is to be said of each parent by itself that is a Service, by its place in `spec.parentRefs`. */
  readonly parents?: ReadonlyMap<number, ParentVerdict>;
  /** This version of the object is what the model was made of; not the last valid one, and not another document of the same name. */
  readonly inForce: boolean;
}

/** Kinds that have a status of ours. Of the others only what is refused is reported. */
const REPORTED = ['Mesh', 'MeshService', 'ExternalService', 'HTTPRoute', 'GRPCRoute'] as const;

const FINE: Verdict = { ok: true, reason: 'Accepted', messages: [] };

interface Notes {
  reason: string;
  readonly messages: string[];
}

/** Collects what is wrong with objects while they are resolved. */
export class Report {
  private readonly accepted = new Map<string, Notes>();
  private readonly refs = new Map<string, Notes>();
  private readonly parents = new Map<string, Map<number, ParentVerdict>>();

  /** The object, or this part of it, has no effect. */
  refuse(id: ResourceId, reason: string, message: string): void {
    note(this.accepted, id, reason, message);
  }

  /** The object is attached to this parent, which belongs to a mesh of that namespace. */
  attached(id: ResourceId, parent: number, mesh: string | undefined): void {
    this.parentsOf(id).set(parent, { ...FINE, mesh });
  }

  /** The object has no effect on this parent. */
  refuseParent(id: ResourceId, parent: number, reason: string, message: string): void {
    this.refuse(id, reason, message);
    this.parentsOf(id).set(parent, { ok: false, reason, messages: [message] });
  }

  private parentsOf(id: ResourceId): Map<number, ParentVerdict> {
    const found = this.parents.get(describeId(id)) ?? new Map<number, ParentVerdict>();
    this.parents.set(describeId(id), found);
    return found;
  }

  /** The object refers to something that is not there or may not be used. */
  unresolved(id: ResourceId, reason: string, message: string): void {
    note(this.refs, id, reason, message);
  }

  /** One report for every object with a status, valid or not, and for every refused object of other kinds; in the order of their names. */
  objects(set: ResourceSet): ObjectReport[] {
    const refused = new Map(set.rejected.map((one) => [`${describeId(one.id)}@${one.location}`, one]));
    const reports = new Map<string, ObjectReport>();
    for (const kind of REPORTED) {
      for (const resource of set.resources[kind].values()) {
        reports.set(describeId(resource.id), this.ofValid(resource));
      }
    }
    for (const one of refused.values()) {
      const key = describeId(one.id);
      const valid = one.reason === 'DuplicateObject' ? undefined : reports.get(key);
      const messages = one.keepsPrevious && one.reason !== 'DuplicateObject'
        ? [...one.messages, 'the last valid version stays in force'] : one.messages;
      const report: ObjectReport = {
        id: one.id,
        apiVersion: one.apiVersion,
        location: one.location,
        generation: one.generation,
        accepted: { ok: false, reason: one.reason, messages },
        resolvedRefs: valid?.resolvedRefs ?? { ok: true, reason: 'ResolvedRefs', messages: [] },
        inForce: false,
      };
      reports.set(one.reason === 'DuplicateObject' ? `${key}@${one.location}` : key, report);
    }
    return [...reports.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, report]) => report);
  }

  private ofValid({ id, apiVersion, location, generation }: Resource): ObjectReport {
    return {
      id,
      apiVersion,
      location,
      generation,
      accepted: verdict(this.accepted.get(describeId(id)), 'Accepted'),
      resolvedRefs: verdict(this.refs.get(describeId(id)), 'ResolvedRefs'),
      ...this.parents.has(describeId(id)) ? { parents: this.parents.get(describeId(id)) } : {},
      inForce: true,
    };
  }
}

function note(notes: Map<string, Notes>, id: ResourceId, reason: string, message: string): void {
  const key = describeId(id);
  const found = notes.get(key);
  if (!found) notes.set(key, { reason, messages: [message] });
  else if (!found.messages.includes(message)) found.messages.push(message);
}

function verdict(notes: Notes | undefined, fine: string): Verdict {
  return notes ? { ok: false, reason: notes.reason, messages: notes.messages } : { ok: true, reason: fine, messages: [] };
}
