import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { snapshotOf } from '../../../runtime/control-plane/ads/snapshot';
import { issuersToAsk, resolve } from '../../../runtime/control-plane/resolve';
import { readResources } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { proxyNode } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ConfigStore } from '../../../runtime/proxy/config/store';
import { decode, DeltaDiscoveryResponseSchema, TypeUrl } from '../../../runtime/xds';
import { ASKED, testIdentity, type TestIdentity } from './support/identity';

const DIR = join(__dirname, '../../testdata/examples');
let identity: TestIdentity;
beforeAll(async () => { identity = await testIdentity(); });

/** The manifests that the examples' programs become: the north contract, read by the other side. */
describe.each(readdirSync(DIR).filter((file) => file.endsWith('.yaml')))('%s', (file) => {
  const parsed = parseManifests(readFileSync(join(DIR, file), 'utf8'), file);
  if (parsed.kind === 'error') throw new Error(`${file}:${parsed.line}: ${parsed.message}`);
  const set = readResources({ documents: parsed.documents, unreadable: [] });
  // As the issuers say when they are asked.
  const issuers = new Map([...issuersToAsk([...set.resources.MeshService.values()].map(({ value: { spec } }) => spec)).keys()].map((issuer) => [issuer, `${issuer}/jwks`]));
  const { model, objects } = resolve(set, undefined, { security: 'certificates', issuers });

  test('there is nothing to say against it', () => {
    expect(set.unreadable).toEqual([]);
    expect(objects.filter(({ accepted, resolvedRefs }) => !accepted.ok || !resolvedRefs.ok)).toEqual([]);
    expect(model.services.size).toBeGreaterThan(1);
  });

  test.each([...model.services.keys()])('the proxy of %s takes all of its configuration', (service) => {
    const { model: trusting } = resolve(set, undefined, { ...identity.trusting, issuers });
    const snapshot = snapshotOf(xdsResources(trusting, proxyNode(trusting, { service, podIp: '10.0.0.1' })));
    const named: string[] = [];
    const store = new ConfigStore({ onSnapshot: () => {}, onDns: (name, cluster) => { if (cluster) named.push(name); } });
    store.setSecret(identity.svid);
    for (const type of ASKED) {
      const resources = [...snapshot.types[type].values()].flatMap(({ bytes }) => decode(DeltaDiscoveryResponseSchema, bytes).resources)
        .map(({ name, version, resource }) => ({ name, version, resource: resource! }));
      expect(store.update({ type, resources, removed: [] })).toEqual([]);
    }
    // The DNS knows none of them here.
    for (const name of named) store.setResolved(name, { localities: [] } as never);
    expect(store.snapshot.clusters.size).toBe(snapshot.types[TypeUrl.CDS].size);
  });
});
