import { join } from 'node:path';
import type { NodeDescription } from '../../../runtime/control-plane';
import { resolve, type ObjectReport } from '../../../runtime/control-plane/resolve';
import { readResources, type ResourceSet } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { translate } from '../../../runtime/control-plane/translate';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, toJson } from '../../../runtime/xds';
import { goldenSteps } from '../../golden';

const STEPS = ['resources', 'model', 'listeners', 'routes', 'clusters', 'endpoints'] as const;

/** Every step from manifests to the xDS of one node. The node is a document of the input, of a kind that the control plane does not know. */
goldenSteps(join(__dirname, '../../testdata/control-plane'), STEPS, ({ name, text, documents }) => {
  const parsed = parseManifests(text, `${name}.in.yaml`);
  if (parsed.kind === 'error') throw new Error(`${name}.in.yaml:${parsed.line}: ${parsed.message}`);
  const set = readResources({ documents: parsed.documents, unreadable: [] });
  const { model, objects } = resolve(set);
  const node = (documents as { kind?: string; node: NodeDescription }[]).find(({ kind }) => kind === 'Node')!.node;
  const xds = translate(set, node);
  return {
    resources: { valid: valid(set), reports: objects.map(report), unreadable: set.unreadable },
    model,
    listeners: xds.listeners.map((one) => toJson(ListenerSchema, one)) as object,
    routes: xds.routes.map((one) => toJson(RouteConfigurationSchema, one)) as object,
    clusters: xds.clusters.map((one) => toJson(ClusterSchema, one)) as object,
    endpoints: xds.endpoints.map((one) => toJson(ClusterLoadAssignmentSchema, one)) as object,
  };
});

/** Names only: what is in them is in the model. */
function valid({ resources }: ResourceSet): Record<string, string[]> {
  return Object.fromEntries(Object.entries(resources).map(([kind, found]) => [kind, [...found.keys()]]));
}

function report({ id, location, generation, accepted, resolvedRefs }: ObjectReport) {
  const wrong = [accepted, resolvedRefs].filter(({ ok }) => !ok).map(({ reason, messages }) => ({ reason, messages }));
  return { object: `${id.kind} ${id.namespace}/${id.name}`, location, generation, ...wrong.length > 0 ? { wrong } : {} };
}
