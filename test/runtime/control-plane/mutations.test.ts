import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { snapshotOf } from '../../../runtime/control-plane/ads/snapshot';
import { resolve } from '../../../runtime/control-plane/resolve';
import { readResources } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { proxyNode } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ConfigStore } from '../../../runtime/proxy/config/store';
import { decode, DeltaDiscoveryResponseSchema } from '../../../runtime/xds';
import { ASKED } from './support/identity';

const DIR = join(__dirname, '../../testdata/control-plane');
const inputs = ['policies', 'canary', 'routing', 'geohash', 'namespaces'].map((name) => {
  const parsed = parseManifests(readFileSync(join(DIR, `${name}.in.yaml`), 'utf8'), name);
  if (parsed.kind === 'error') throw new Error(parsed.message);
  return parsed.documents.map(({ value }) => value);
});

type Path = (string | number)[];

/** Paths of everything in a value. */
function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, item]) => paths(item, [...at, Array.isArray(value) ? Number(key) : key]))];
}

function replaced(value: unknown, [first, ...rest]: Path, by: unknown): unknown {
  if (first === undefined) return by;
  const copy = (Array.isArray(value) ? [...value as unknown[]] : { ...value as object }) as Record<string | number, unknown>;
  if (rest.length === 0 && by === GONE) {
    if (Array.isArray(copy)) copy.splice(first as number, 1);
    else delete copy[first];
    return copy;
  }
  copy[first] = replaced(copy[first], rest, by);
  return copy;
}

const GONE = Symbol('gone');
/** Values near the edges of what schemas allow, words that stand elsewhere in the documents, and anything at all. */
const values = fc.oneof(
  { arbitrary: fc.constant(GONE as unknown), weight: 2 },
  fc.constantFrom<unknown>(0, 1, -1, 0.5, 50, 65_535, 4_294_967_296, 1e308, '', 'a', '/', '/a', '//', '%', '$1', '.*', '(', '*', '1ms', '24h', '0s', '99999h', 'payment', 'web', 'shop', 'Exact',
    'PathPrefix', 'RegularExpression', 'GET', 'http', 'x-a', '10.0.0.1', '::1', '__proto__', 'ä', '\u0000', 'a\nb', null, true, [], {}),
  fc.jsonValue({ maxDepth: 2 }),
);
const change = fc.record({ document: fc.nat(), path: fc.nat(), value: values });
const mutations = fc.record({ input: fc.nat(inputs.length - 1), changes: fc.array(change, { minLength: 1, maxLength: 3 }) });

test('property: whatever stands in manifests, nothing crashes, and no proxy is sent what it refuses', () => {
  let accepted = 0;
  fc.assert(fc.property(mutations, ({ input, changes }) => {
    const documents = [...inputs[input]];
    for (const { document, path, value } of changes) {
      // Not the document with the node in it.
      const index = 1 + (document % (documents.length - 1));
      const all = paths(documents[index]);
      documents[index] = replaced(documents[index], all[path % all.length], value);
    }
    const set = readResources({ documents: documents.map((value, index) => ({ value, location: `f:${index}` })), unreadable: [] });
    const { model, objects } = resolve(set);
    for (const { accepted: verdict, resolvedRefs } of objects) {
      for (const { ok, messages } of [verdict, resolvedRefs]) expect(ok).toBe(messages.length === 0);
    }
    if (set.rejected.length === 0) accepted += 1;
    for (const service of model.services.keys()) {
      const snapshot = snapshotOf(xdsResources(model, proxyNode(model, { service, podIp: '10.0.0.1' })));
      const store = new ConfigStore({ onSnapshot: () => {}, onDns: () => {} });
      for (const type of ASKED) {
        const resources = [...snapshot.types[type].values()].flatMap(({ bytes }) => decode(DeltaDiscoveryResponseSchema, bytes).resources)
          .map(({ name, version, resource }) => ({ name, version, resource: resource! }));
        expect(store.update({ type, resources, removed: [] })).toEqual([]);
      }
    }
    // Longer than a timer can be.
  }), { numRuns: 300, examples: [[{ input: 1, changes: [{ document: 1927735643, path: 853317558, value: '99999h' }] }]] });
  // Enough changes were harmless enough to be believed.
  expect(accepted).toBeGreaterThan(50);
});
