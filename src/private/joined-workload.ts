import { ApiObject, JsonPatch } from 'cdk8s';
import { plain } from './plain';

/** A manifest in plain data. */
export type Manifest = Record<string, any>;

const rewritten = new WeakSet<ApiObject>();

/**
 * Has the object of an existing workload emit `change` of its manifest, with nothing lost. cdk8s-plus maps every manifest to the fields that its
 * own API version knows and drops the others without a word: native sidecars, and whatever a user's JSON patch brought. So the patches are
 * applied once more to the finished manifest, and what they say there and the mapping has dropped is put back. A second change of the same object
 * is left out: joining twice is an error that `joinFindings` tells.
 */
export function rewrite(object: ApiObject, change: (manifest: Manifest) => Manifest): void {
  if (rewritten.has(object)) return;
  rewritten.add(object);
  const emit = object.toJson.bind(object);
  object.toJson = () => plain(change(complete(object, emit)), false);
}

function complete(object: ApiObject, emit: () => Manifest): Manifest {
  const emitted = emit();
  const holder = object as unknown as { patches: JsonPatch[] };
  const { patches } = holder;
  if (!Array.isArray(patches) || patches.length === 0) return emitted;
  holder.patches = [];
  try {
    return putBack(emitted, applied(emit(), patches));
  } finally {
    holder.patches = patches;
  }
}

/** One by one, as a path may be one that only the mapping's own names have. */
function applied(manifest: Manifest, patches: readonly JsonPatch[]): Manifest {
  let result = manifest;
  for (const patch of patches) {
    try {
      result = JsonPatch.apply(result, patch);
    } catch {
      // The mapping had it: what it emitted stands.
    }
  }
  return result;
}

/** What stands in `patched` and is missing in `emitted`; where both have a value, the emitted one holds. */
function putBack(emitted: any, patched: any): any {
  if (emitted === undefined || emitted === null) return patched;
  if (Array.isArray(emitted) && Array.isArray(patched)) {
    return emitted.length === patched.length ? emitted.map((item, index) => putBack(item, patched[index])) : emitted;
  }
  if (typeof emitted !== 'object' || typeof patched !== 'object' || patched === null || Array.isArray(emitted) !== Array.isArray(patched)) return emitted;
  const result: Manifest = { ...emitted };
  for (const key of Object.keys(patched)) result[key] = putBack(emitted[key], patched[key]);
  return result;
}
