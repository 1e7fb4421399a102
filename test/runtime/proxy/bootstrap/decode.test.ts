import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { decodeBootstrap } from '../../../../runtime/proxy/bootstrap/decode';
import { mergeJson } from '../../../../runtime/proxy/bootstrap/json';
import { loadBootstrap } from '../../../../runtime/proxy/bootstrap/load';
import { BootstrapError } from '../../../../runtime/proxy/bootstrap/types';
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
      'b.json: 1 problem\n  static_resources.listeners[0].filter_chains: is empty: at least one filter chain, or default_filter_chain, is required');
  });

  test('one document over another', () => {
    const base = { node: { id: 'a', cluster: 'c' }, static_resources: { clusters: [{ name: 'one' }] }, statsFlushInterval: '1s' };
    const over = { node: { id: 'b' }, staticResources: { clusters: [{ name: 'two' }] }, stats_flush_interval: '2s' };
    expect(mergeJson(base, over)).toEqual({
      node: { id: 'b', cluster: 'c' }, static_resources: { clusters: [{ name: 'one' }, { name: 'two' }] }, statsFlushInterval: '2s',
    });
  });

  const folder = join(__dirname, '../../../testdata/proxy/bootstrap');

  test('a document and what is merged over it are read in JSON and YAML', async () => {
    const config = await loadBootstrap({ configPath: join(folder, 'ads.in.yaml'), configYaml: '{"node": {"cluster": "other"}}', node: { zone: 'z-1' } });
    expect([config.node.id, config.node.cluster, config.node.locality?.zone]).toEqual(['payment-1', 'other', 'z-1']);
    const wrong = async (configYaml: string): Promise<unknown> =>
      loadBootstrap({ configPath: undefined, configYaml, node: {} }).catch((error: unknown) => error);
    expect(await wrong('a: [')).toMatchObject({ source: '--config-yaml', problems: [expect.stringContaining('Flow sequence')] });
    expect(await wrong('[]')).toMatchObject({ problems: ['[] must be an object (envoy.config.bootstrap.v3.Bootstrap)'] });
    const missing = loadBootstrap({ configPath: join(folder, 'nowhere.yaml'), configYaml: undefined, node: {} });
    await expect(missing).rejects.toMatchObject({ name: 'BootstrapError', problems: [expect.stringContaining('ENOENT')] });
  });

  /** Paths of everything in a document. */
  function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
    if (typeof value !== 'object' || value === null) return [path];
    return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]))];
  }

  test.each(['static', 'ads'])('whatever stands in the place of a part of %s is taken or refused with its path, never a crash', (name) => {
    const text = readFileSync(join(folder, `${name}.in.yaml`), 'utf8');
    const paths = pathsOf(parse(text)).filter((path) => path.length > 0);
    fc.assert(fc.property(fc.constantFrom(...paths), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(0, -1, '', '0s', [], {}, '*', 1e99)), (path, value) => {
      const document = parse(text) as Record<string, unknown>;
      const holder = path.slice(0, -1).reduce<Record<string | number, unknown>>((at, key) => at[key] as Record<string, unknown>, document);
      holder[path.at(-1)!] = value;
      try {
        decodeBootstrap(document, 'b');
      } catch (error) {
        expect(error).toBeInstanceOf(BootstrapError);
        expect((error as BootstrapError).problems.length).toBeGreaterThan(0);
      }
    }), { numRuns: 200 });
  });
});
