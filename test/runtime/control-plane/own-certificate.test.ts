import { resolve } from '../../../runtime/control-plane/resolve';
import { proxyNode } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ClusterSchema, ListenerSchema, toJson } from '../../../runtime/xds';
import { mesh, setOf, whole } from './support/documents';

const { model } = resolve(setOf(mesh(), ...whole('order', ['10.0.0.1'], ['payment']), ...whole('payment', ['10.0.0.2'])), undefined, { security: 'certificates', trustBundle: 'PEM' });
const textOf = (ownSvid?: string) => {
  const { clusters, listeners } = xdsResources(model, proxyNode(model, { service: 'shop/order', podIp: '10.0.0.1', ownSvid }));
  return JSON.stringify([...clusters.map((one) => toJson(ClusterSchema, one)), ...listeners.map((one) => toJson(ListenerSchema, one))]);
};

test('who has its certificate in its bootstrap is told its name alone, and of the roots that they come by ADS; nothing else is different', () => {
  const [ours, foreign] = [textOf(), textOf('static')];
  const source = /("name":"svid"),"sds_config":\{[^{}]*\{\}[^{}]*\}/g;
  expect(ours.match(source)).toHaveLength(2);
  expect(foreign).toBe(ours.replace(source, '$1'));
  expect(foreign).toContain('"name":"trust-bundle","sds_config":');
});

test('who has it in a file is told where, and reads it again when it is replaced', () => {
  const [ours, foreign] = [textOf(), textOf('/etc/mesh/svid.json')];
  const source = /("name":"svid","sds_config":\{)[^{}]*\{\},("resource_api_version":"V3")\}/g;
  expect(ours.match(source)).toHaveLength(2);
  expect(foreign).toBe(ours.replace(source, '$1$2,"path_config_source":{"path":"/etc/mesh/svid.json","watched_directory":{"path":"/etc/mesh"}}}'));
});
