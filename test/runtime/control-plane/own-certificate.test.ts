import { resolve } from '../../../runtime/control-plane/resolve';
import { proxyNode } from '../../../runtime/control-plane/translate';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { ClusterSchema, ListenerSchema, toJson } from '../../../runtime/xds';
import { mesh, setOf, whole } from './support/documents';

const { model } = resolve(setOf(mesh(), ...whole('order', ['10.0.0.1'], ['payment']), ...whole('payment', ['10.0.0.2'])), undefined, { security: 'certificates', trustBundle: 'PEM' });
const textOf = (ownSvid: boolean) => {
  const { clusters, listeners } = xdsResources(model, proxyNode(model, { service: 'shop/order', podIp: '10.0.0.1', ownSvid }));
  return JSON.stringify([...clusters.map((one) => toJson(ClusterSchema, one)), ...listeners.map((one) => toJson(ListenerSchema, one))]);
};

test('who has its certificate in its bootstrap is told its name alone, and of the roots that they come by ADS; nothing else is different', () => {
  const [ours, foreign] = [textOf(false), textOf(true)];
  const source = /("name":"svid"),"sds_config":\{[^{}]*\{\}[^{}]*\}/g;
  expect(ours.match(source)).toHaveLength(2);
  expect(foreign).toBe(ours.replace(source, '$1'));
  expect(foreign).toContain('"name":"trust-bundle","sds_config":');
});
