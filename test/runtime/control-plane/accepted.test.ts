import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeDescription } from '../../../runtime/control-plane';
import { snapshotOf } from '../../../runtime/control-plane/ads/snapshot';
import { resolve } from '../../../runtime/control-plane/resolve';
import { readResources } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { proxyNode } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ConfigStore } from '../../../runtime/proxy/config/store';
import { decode, DeltaDiscoveryResponseSchema } from '../../../runtime/xds';
import { ASKED, testIdentity, type TestIdentity } from './support/identity';

const DIR = join(__dirname, '../../testdata/control-plane');
const inputs = readdirSync(DIR).filter((file) => file.endsWith('.in.yaml'));

let identity: TestIdentity;
beforeAll(async () => { identity = await testIdentity(); });

/** The two planes are written apart; what one says the other has to understand, every field of it. */
test.each(inputs)('the proxy takes everything that %s becomes', (file) => {
  const parsed = parseManifests(readFileSync(join(DIR, file), 'utf8'), file);
  if (parsed.kind === 'error') throw new Error(parsed.message);
  const node = parsed.documents.map(({ value }) => value as { kind?: string; node: NodeDescription }).find(({ kind }) => kind === 'Node')!.node;
  const { model } = resolve(readResources({ documents: parsed.documents, unreadable: [] }), undefined, identity.trusting);
  const snapshot = snapshotOf(xdsResources(model, proxyNode(model, node)));

  const named: string[] = [];
  const store = new ConfigStore({ onSnapshot: () => {}, onDns: (name) => named.push(name) });
  // The proxy has made its key and got its certificate.
  store.setSecret(identity.svid);
  for (const type of ASKED) {
    const resources = [...snapshot.types[type].values()].flatMap(({ bytes }) => decode(DeltaDiscoveryResponseSchema, bytes).resources)
      .map(({ name, version, resource }) => ({ name, version, resource: resource! }));
    expect(store.update({ type, resources, removed: [] })).toEqual([]);
  }
  // The DNS has answered.
  for (const name of named) store.setResolved(name, { localities: [], overprovisioningFactor: 140 });
  // Nothing is left waiting for something that never comes.
  expect([...store.snapshot.listeners.keys()].sort()).toEqual(xdsResources(model, proxyNode(model, node)).listeners.map(({ name }) => name));
  expect([...store.snapshot.clusters.keys()].sort()).toEqual(xdsResources(model, proxyNode(model, node)).clusters.map(({ name }) => name).sort());
});
