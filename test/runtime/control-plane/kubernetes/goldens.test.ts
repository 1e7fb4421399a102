import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Documents, NodeDescription } from '../../../../runtime/control-plane';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { readResources } from '../../../../runtime/control-plane/resources';
import { parseManifests } from '../../../../runtime/control-plane/source';
import { KubernetesSource, WATCHED } from '../../../../runtime/control-plane/source/kubernetes';
import { translate } from '../../../../runtime/control-plane/translate';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, toJson } from '../../../../runtime/xds';
import { FakeApiServer } from '../support/api-server';
import { WatchedClock } from '../support/watched-clock';

/** The same documents, from a folder and through a Kubernetes API, are the same mesh: same xDS, byte for byte. */

const FOLDER = join(__dirname, '../../../testdata/control-plane');
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.in.yaml'));

interface Manifest { kind: string; metadata?: { name?: string; namespace?: string; creationTimestamp?: string }; node?: NodeDescription }

function xds(documents: Documents, node: NodeDescription): object {
  const { listeners, routes, clusters, endpoints } = translate(readResources(documents), node);
  return {
    listeners: listeners.map((one) => toJson(ListenerSchema, one)),
    routes: routes.map((one) => toJson(RouteConfigurationSchema, one)),
    clusters: clusters.map((one) => toJson(ClusterSchema, one)),
    endpoints: endpoints.map((one) => toJson(ClusterLoadAssignmentSchema, one)),
  };
}

/** What an API server would store: objects that have a name and a kind; of two of one name the first, as the folder takes it. */
function storable(manifests: readonly Manifest[]): Manifest[] {
  const seen = new Set<string>();
  return manifests.filter(({ kind, metadata }) => {
    const key = `${kind} ${metadata?.namespace}/${metadata?.name}`;
    if (!WATCHED.some((one) => one.kind === kind) || !metadata?.name || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

test.each(FILES)('%s', async (file) => {
  const parsed = parseManifests(readFileSync(join(FOLDER, file), 'utf8'), file);
  if (parsed.kind === 'error') throw new Error(parsed.message);
  const manifests = parsed.documents.map(({ value }) => value as Manifest);
  const { node } = manifests.find(({ kind }) => kind === 'Node')!;
  // Every API server says when an object was made; who was first decides between two routes.
  const dated = storable(manifests).map((one) => ({ ...one, metadata: { creationTimestamp: '2026-01-01T00:00:00Z', ...one.metadata } }));
  const server = await FakeApiServer.start(...dated);
  const clock = new WatchedClock();
  const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  const source = new KubernetesSource({ api, clock, random: () => 0 });
  const told = new Promise<Documents>((done) => { source.subscribe(done); });
  void source.start();
  let documents: Documents | undefined;
  void told.then((all) => { documents = all; });
  await clock.run(() => documents !== undefined);
  const folder = { documents: dated.map((value, index) => ({ value, location: `${file}:${index}` })), unreadable: [] };
  expect(JSON.stringify(xds(documents!, node!))).toBe(JSON.stringify(xds(folder, node!)));
  expect(JSON.stringify(xds(documents!, node!)).length).toBeGreaterThan(500);
  await source.close();
  api.close();
  await server.stop();
});
