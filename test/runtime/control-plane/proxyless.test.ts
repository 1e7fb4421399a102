import { join } from 'node:path';
import type { NodeDescription } from '../../../runtime/control-plane';
import { peerOf } from '../../../runtime/control-plane/ads/node';
import { resolve } from '../../../runtime/control-plane/resolve';
import { readResources } from '../../../runtime/control-plane/resources';
import { parseManifests } from '../../../runtime/control-plane/source';
import { proxyNode, translate } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ClusterLoadAssignmentSchema, ClusterSchema, create, ListenerSchema, NodeSchema, RouteConfigurationSchema, toJson } from '../../../runtime/xds';
import { goldenSteps } from '../../golden';
import { mesh, modelOf, whole } from './support/documents';

/** What clients of gRPC without a proxy are given. */
goldenSteps(join(__dirname, '../../testdata/proxyless'), ['listeners', 'routes', 'clusters', 'endpoints'] as const, ({ name, text, documents }) => {
  const parsed = parseManifests(text, `${name}.in.yaml`);
  if (parsed.kind === 'error') throw new Error(`${name}.in.yaml:${parsed.line}: ${parsed.message}`);
  const set = readResources({ documents: parsed.documents, unreadable: [] });
  const problems = resolve(set).objects.flatMap(({ accepted }) => accepted.messages);
  expect(problems).toEqual([]);
  const { node } = (documents as { kind?: string; node: NodeDescription }[]).find(({ kind }) => kind === 'Node')!;
  const xds = translate(set, node);
  expect(xds.secrets).toEqual([]);
  return {
    listeners: xds.listeners.map((one) => toJson(ListenerSchema, one)) as object,
    routes: xds.routes.map((one) => toJson(RouteConfigurationSchema, one)) as object,
    clusters: xds.clusters.map((one) => toJson(ClusterSchema, one)) as object,
    endpoints: xds.endpoints.map((one) => toJson(ClusterLoadAssignmentSchema, one)) as object,
  };
});

test('a client of gRPC is told by what it calls itself', () => {
  const metadata = { service: 'order', namespace: 'shop', version: 'base', podIp: '10.0.0.1' };
  const peer = (userAgentName: string) => peerOf(create(NodeSchema, { id: 'order-1.shop', userAgentName, metadata }));
  for (const name of ['gRPC C-core', 'gRPC Node Pure JS', 'gRPC Go']) expect(peer(name)).toMatchObject({ service: 'shop/order', proxyless: true });
  for (const name of ['envoy', 'meshwright', '']) expect(peer(name)).not.toHaveProperty('proxyless');
});

test('what did not change is the same object', () => {
  const grpc = { port: { number: 8080, protocol: 'grpc' } };
  const manifests = [mesh(), ...whole('order', ['10.0.0.1'], ['payment', 'stock'], grpc), ...whole('payment', ['10.0.2.1'], [], grpc)];
  const before = modelOf([...manifests, ...whole('stock', ['10.0.3.1'], [], grpc)]);
  const after = modelOf([...manifests, ...whole('stock', ['10.0.3.1', '10.0.3.2'], [], grpc)], before);
  const [first, second] = [before, after].map((model) => xdsResources(model, proxyNode(model, { service: 'shop/order', podIp: '10.0.0.1', proxyless: true })));
  for (const type of ['listeners', 'routes', 'clusters'] as const) {
    expect(first![type].length).toBeGreaterThan(1);
    first![type].forEach((one, index) => expect(second![type][index]).toBe(one));
  }
  expect(first!.endpoints.map((one, index) => second!.endpoints[index] === one)).toEqual([true, false]);
});
