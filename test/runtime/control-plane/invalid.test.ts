import { join } from 'node:path';
import type { MeshModel } from '../../../runtime/control-plane/model';
import { resolve, type ObjectReport } from '../../../runtime/control-plane/resolve';
import { ResourceStore } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, toJson } from '../../../runtime/xds';
import { goldenTest } from '../../golden';
import { documentsOf, mesh, whole } from './support/documents';

interface Case {
  readonly name: string;
  readonly manifest: string;
}

const REGIONS = [{ name: 'eu-west', zones: ['a'], geohashes: ['gc'] }];
/** A mesh in which nothing is wrong. */
const GOOD = documentsOf([mesh(REGIONS), ...whole('order', ['10.0.0.1'], ['payment']), ...whole('payment', ['10.0.2.1'])]).documents;

/**
 * For each wrong manifest what is said about it, and what it changes of the mesh that was there before: `nothing`, or the parts of the xDS of the two
 * services that are not as they were.
 */
goldenTest(join(__dirname, '../../testdata/control-plane/invalid'), ({ documents }) => (documents[0] as Case[]).map(({ name, manifest }) => {
  const store = new ResourceStore();
  const before = resolve(store.update({ documents: GOOD, unreadable: [] }));
  expect(messages(before.objects)).toEqual([]);

  const parsed = parseManifests(manifest, 'bad.yaml');
  const bad = parsed.kind === 'documents' ? parsed.documents : [];
  const unreadable = parsed.kind === 'error' ? [{ location: `bad.yaml:${parsed.line}`, message: parsed.message }] : [];
  // An object that was there before stands in for the good version of itself; as when somebody edits its manifest.
  const replaced = new Set(name === 'the same object again' ? [] : bad.map(({ value }) => identity(value)));
  const set = store.update({ documents: [...GOOD.filter(({ value }) => !replaced.has(identity(value))), ...bad], unreadable });
  const after = resolve(set, before.model);

  const said = [...set.unreadable.map(({ location, message }) => `${location}: ${message}`), ...messages(after.objects)];
  expect(said.length).toBeGreaterThan(0);
  return { name, said, changes: changes(before.model, after.model) };
}));

function identity(value: unknown): string {
  const { kind, metadata } = (value ?? {}) as { kind?: string; metadata?: { name?: string; namespace?: string } };
  return `${kind} ${metadata?.namespace}/${metadata?.name}`;
}

function messages(objects: readonly ObjectReport[]): string[] {
  return objects.flatMap(({ id, accepted, resolvedRefs }) => [accepted, resolvedRefs].filter(({ ok }) => !ok)
    .flatMap((verdict) => verdict.messages.map((message) => `${id.kind} ${id.namespace}/${id.name}: ${verdict.reason}: ${message}`)));
}

function changes(before: MeshModel, after: MeshModel): string | string[] {
  const [old, now] = [parts(before), parts(after)];
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter((part) => old.get(part) !== now.get(part));
  return changed.length === 0 ? 'nothing' : changed;
}

function parts(model: MeshModel): Map<string, string> {
  return new Map(['order', 'payment'].flatMap((name) => {
    const xds = xdsResources(model, { service: `shop/${name}`, podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined });
    return [
      ...xds.clusters.map((one) => [`${name}: cluster ${one.name}`, JSON.stringify(toJson(ClusterSchema, one))] as const),
      ...xds.endpoints.map((one) => [`${name}: endpoints ${one.clusterName}`, JSON.stringify(toJson(ClusterLoadAssignmentSchema, one))] as const),
      ...xds.listeners.map((one) => [`${name}: listener ${one.name}`, JSON.stringify(toJson(ListenerSchema, one))] as const),
      ...xds.routes.map((one) => [`${name}: routes ${one.name}`, JSON.stringify(toJson(RouteConfigurationSchema, one))] as const),
    ];
  }));
}
