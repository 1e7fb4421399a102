import { join } from 'node:path';
import { decodeBootstrap } from '../../../../runtime/proxy/bootstrap/decode';
import { mergeJson } from '../../../../runtime/proxy/bootstrap/json';
import { NodeSchema, toJson } from '../../../../runtime/xds';
import { goldenTest } from '../../../golden';

describe('bootstrap documents', () => {
  goldenTest(join(__dirname, '../../../testdata/proxy/bootstrap'), ({ documents: [document] }) => {
    const { message: _, ...config } = decodeBootstrap(document, 'bootstrap.yaml');
    return { ...config, node: toJson(NodeSchema, config.node) };
  });

  test('the command line overrides the node', () => {
    const document = { static_resources: {}, dynamic_resources: {}, node: { id: 'a', locality: { region: 'r', zone: 'z' } } };
    expect(() => decodeBootstrap(document, 'x', {})).toThrow(/ads_config: is required/);
    const listener = { name: 'l', address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };
    expect(() => decodeBootstrap({ static_resources: { listeners: [listener] } }, 'b.json')).toThrow(
      'b.json: 1 problem\n  static_resources.listeners[0].filter_chains: there are 0; exactly one is supported');
  });

  test('one document over another', () => {
    const base = { node: { id: 'a', cluster: 'c' }, static_resources: { clusters: [{ name: 'one' }] }, statsFlushInterval: '1s' };
    const over = { node: { id: 'b' }, staticResources: { clusters: [{ name: 'two' }] }, stats_flush_interval: '2s' };
    expect(mergeJson(base, over)).toEqual({
      node: { id: 'b', cluster: 'c' }, static_resources: { clusters: [{ name: 'one' }, { name: 'two' }] }, statsFlushInterval: '2s',
    });
  });
});
