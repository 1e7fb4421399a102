import { isDeepStrictEqual } from 'node:util';
import { readDocument, type Read } from './read';
import { describeId, keyOf, type Documents, type Kind, type Rejected, type Resource, type ResourceId, type ResourceSet, type Unreadable } from './types';

const KINDS: readonly Kind[] = ['Mesh', 'MeshService', 'ExternalService', 'HTTPRoute', 'GRPCRoute', 'ReferenceGrant', 'Service', 'EndpointSlice'];

/** The first document of an object, in the order of the source. */
type Found = Extract<Read, { kind: 'valid' | 'invalid' }> & { readonly location: string };

/** Makes sets of valid resources out of documents and remembers of each object its last valid version, for the time in which it is invalid. */
export class ResourceStore {
  private previous: ReadonlyMap<string, Resource> = new Map();
  private readonly generations = new Map<string, { readonly generation: number; readonly content: unknown }>();

  /** Everything as it is now. An object that is no longer among the documents is gone; one that became invalid stays as it was. */
  update({ documents, unreadable, namespaces }: Documents): ResourceSet {
    const problems: Unreadable[] = [...unreadable];
    const rejected: Rejected[] = [];
    const found = new Map<string, Found>();
    for (const document of documents) {
      const read = readDocument(document);
      if (read.kind === 'ignored') continue;
      if (read.kind === 'unreadable') {
        problems.push({ location: document.location, message: read.message });
        continue;
      }
      const key = describeId(read.id);
      const first = found.get(key);
      if (first) rejected.push(this.duplicate(read, document.location, first));
      else found.set(key, { ...read, location: document.location });
    }

    const valid = new Map<string, Resource>();
    for (const [key, one] of found) {
      const before = this.previous.get(key);
      const content = one.kind === 'valid' ? one.value : one.messages;
      const generation = this.generationOf(key, one.generation, content);
      if (one.kind === 'valid') {
        // The same object keeps its identity, so that nothing is made again for it.
        const same = before?.generation === generation && before.location === one.location && isDeepStrictEqual(before.value, one.value);
        const { id, apiVersion, location, value } = one;
        valid.set(key, same ? before : Object.freeze({ id, apiVersion, location, generation, value }));
        continue;
      }
      if (before) valid.set(key, before);
      rejected.push({
        id: one.id,
        apiVersion: one.apiVersion,
        location: one.location,
        generation,
        reason: one.reason,
        messages: one.messages,
        keepsPrevious: before !== undefined,
      });
    }
    for (const key of this.generations.keys()) if (!found.has(key)) this.generations.delete(key);
    this.previous = valid;
    return Object.freeze({ resources: byKind(valid), rejected, unreadable: problems, ...namespaces ? { namespaces } : {} });
  }

  private duplicate(read: Extract<Read, { kind: 'valid' | 'invalid' }>, location: string, first: Found): Rejected {
    return {
      id: read.id,
      apiVersion: read.apiVersion,
      location,
      generation: read.generation ?? 1,
      reason: 'DuplicateObject',
      keepsPrevious: true,
      messages: [`metadata.name is "${read.id.name}": ${describeId(read.id)} is already in ${first.location}, which is used; remove one of the two`],
    };
  }

  private generationOf(key: string, given: number | undefined, content: unknown): number {
    const before = this.generations.get(key);
    const counted = before === undefined ? 1 : before.generation + (isDeepStrictEqual(before.content, content) ? 0 : 1);
    const generation = given ?? counted;
    this.generations.set(key, { generation, content });
    return generation;
  }
}

/** A set of resources from documents alone, without a past. */
export function readResources(documents: Documents): ResourceSet {
  return new ResourceStore().update(documents);
}

function byKind(valid: ReadonlyMap<string, Resource>): ResourceSet['resources'] {
  const sorted = [...valid.values()].sort((a, b) => compareIds(a.id, b.id));
  return Object.freeze(Object.fromEntries(KINDS.map((kind) => [
    kind, new Map(sorted.filter((one) => one.id.kind === kind).map((one) => [keyOf(one.id), one])),
  ]))) as unknown as ResourceSet['resources'];
}

/** By kind, namespace, name, in code points, so that it is the same everywhere. */
export function compareIds(a: ResourceId, b: ResourceId): number {
  const [left, right] = [describeId(a), describeId(b)];
  return left < right ? -1 : Number(left > right);
}
