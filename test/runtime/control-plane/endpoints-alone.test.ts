import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { snapshotOf, TYPES, type Snapshot } from '../../../runtime/control-plane/ads/snapshot';
import { Snapshots } from '../../../runtime/control-plane/ads/snapshots';
import type { MeshModel } from '../../../runtime/control-plane/model';
import { resolve } from '../../../runtime/control-plane/resolve';
import { readResources, type EndpointSlice, type Resource, type ResourceSet } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { proxyNode, type NodeDescription } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';

const DIR = join(__dirname, '../../testdata/control-plane');

function inputOf(name: string): ResourceSet {
  const parsed = parseManifests(readFileSync(join(DIR, `${name}.in.yaml`), 'utf8'), name);
  if (parsed.kind === 'error') throw new Error(parsed.message);
  return readResources({ documents: parsed.documents, unreadable: [] });
}

const inputs = ['locality', 'policies', 'canary', 'namespaces', 'interception', 'tcp'].map(inputOf);
const ready = { ready: true, serving: true, terminating: false };

/** One slice is gone, or one of its pods is, is not ready, has another address or zone, or there is one more. */
const change = fc.record({
  slice: fc.nat(), pod: fc.nat(), address: fc.constantFrom('10.0.9.1', '10.0.9.2', '10.0.2.1'),
  kind: fc.constantFrom('gone', 'pod gone', 'not ready', 'elsewhere', 'more', 'none'), zone: fc.constantFrom('eu-west-1a', 'us-east-1a'),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(set: ResourceSet, { slice, pod, address, kind, zone }: Change): ResourceSet {
  const slices = new Map(set.resources.EndpointSlice);
  const keys = [...slices.keys()];
  if (keys.length === 0) return set;
  const key = keys[slice % keys.length];
  const old = slices.get(key)!;
  const endpoints = [...old.value.endpoints ?? []];
  const at = pod % Math.max(1, endpoints.length);
  if (kind === 'gone') slices.delete(key);
  if (kind === 'pod gone') endpoints.splice(at, 1);
  if (kind === 'not ready' && endpoints[at]) endpoints[at] = { ...endpoints[at], conditions: { ...ready, ready: false } };
  if (kind === 'elsewhere' && endpoints[at]) endpoints[at] = { ...endpoints[at], addresses: [address], zone };
  if (kind === 'more') endpoints.push({ addresses: [address], conditions: ready, zone });
  if (kind !== 'gone') slices.set(key, { ...old, value: { ...old.value, endpoints } as EndpointSlice } as Resource<'EndpointSlice'>);
  return { ...set, resources: { ...set.resources, EndpointSlice: slices } };
}

/** What goes over the wire, by type and name. */
function sent({ types }: Snapshot): string[] {
  return TYPES.flatMap((type) => [...types[type].values()].map(({ name, version }) => `${type} ${name} ${version}`)).sort();
}

function nodesOf(model: MeshModel): NodeDescription[] {
  const nodes = [...model.services.keys()].flatMap((service) => ['10.0.2.1', '10.0.7.7'].map((podIp) => ({ service, podIp, addresses: [podIp] })));
  return [...nodes, { service: 'shop/~guest', podIp: '10.0.8.1', addresses: ['10.0.8.1'] }].flatMap((node) => [node, { ...node, intercepted: true }]);
}

test('property: where pods alone come and go, model and configurations are those that all resources would give', () => {
  let shortened = 0;
  fc.assert(fc.property(fc.nat(inputs.length - 1), fc.array(change, { minLength: 1, maxLength: 4 }), (input, changes) => {
    let set = inputs[input];
    let { model } = resolve(set);
    const snapshots = new Snapshots();
    const had = new Map<string, Snapshot>();
    const look = (whole: MeshModel): void => {
      for (const description of nodesOf(model)) {
        const key = JSON.stringify(description);
        const node = proxyNode(model, description);
        const snapshot = snapshots.of(model, node, had.get(key));
        had.set(key, snapshot);
        expect({ key, sent: sent(snapshot) }).toEqual({ key, sent: sent(snapshotOf(xdsResources(whole, node))) });
      }
    };
    // Of objects of its own, of which nothing is remembered.
    look(resolve(set).model);
    for (const one of changes) {
      set = changed(set, one);
      const after = resolve(set, model);
      const whole = resolve(set);
      expect(after.model).toEqual(whole.model);
      expect(after.objects).toEqual(whole.objects);
      if (after.model.services === model.services && after.model !== model) shortened += 1;
      ({ model } = after);
      look(whole.model);
    }
  }), { numRuns: 60 });
  expect(shortened).toBeGreaterThan(20);
});

test('a guest that was there before its mesh took guests gets what it may call', () => {
  const before = resolve(inputOf('interception')).model;
  const node = proxyNode(before, { service: 'shop/~guest', podIp: '10.0.8.1' });
  const snapshots = new Snapshots();
  const without: MeshModel = { ...before, guests: undefined };
  const mesh = [...before.services.values()][0].mesh;
  const withGuests: MeshModel = { ...before, guests: mesh };
  const had = snapshots.of(without, node);
  const now = snapshots.of(withGuests, node, had);
  expect(sent(had)).toEqual([]);
  expect(sent(now)).toEqual(sent(snapshotOf(xdsResources(withGuests, node))));
  expect(sent(now)).not.toEqual([]);
});
