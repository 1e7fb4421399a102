import { configDump } from '../../../../runtime/proxy/admin/config-dump';
import { ConfigStore } from '../../../../runtime/proxy/config/store';
import { BootstrapSchema, fromJson, TypeUrl } from '../../../../runtime/xds';
import { cluster, listener, raw, tableJson } from '../config/resources';

describe('configuration dump', () => {
  const store = new ConfigStore({ onSnapshot: () => undefined, onDns: () => undefined });
  const bootstrap = fromJson(BootstrapSchema, { node: { id: 'n', metadata: { mesh: 'shop', password: 'hidden-1', nested: { access_token: 'hidden-2' } } } });

  test('what is active and what warms stand apart; secrets are not shown', () => {
    store.update({ type: TypeUrl.CDS, resources: [cluster('a')], removed: [] });
    store.update({ type: TypeUrl.LDS, resources: [listener('active', 80, { cluster: 'a' }), listener('waits', 81, { rds: 'r' }), listener('also', 82, { rds: 's' })], removed: [] });
    const table = {
      ...tableJson('r', 'a'),
      request_headers_to_add: [{ header: { key: 'Authorization', value: 'hidden-3' } }, { header: { key: 'x-shown', value: 'shown' } }],
    };
    store.update({ type: TypeUrl.RDS, resources: [raw(TypeUrl.RDS, 'r', table, '4')], removed: [] });
    const dump = configDump(bootstrap, store, false);
    expect(dump).toMatchObject({
      configs: [
        { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', 'bootstrap': { node: { metadata: { mesh: 'shop', password: '[redacted]' } } } },
        { dynamic_active_clusters: [], dynamic_warming_clusters: [{ cluster: { '@type': TypeUrl.CDS, 'name': 'a' } }] },
        { dynamic_listeners: [{ active_state: { listener: { name: 'active' } } }, { active_state: { listener: { name: 'waits' } } }, { warming_state: { listener: { name: 'also' } } }] },
        { dynamic_route_configs: [{ version_info: '4', route_config: { name: 'r' } }] },
        { static_secrets: [], dynamic_active_secrets: [], dynamic_warming_secrets: [] },
      ],
    });
    const text = JSON.stringify(dump);
    expect(text).not.toContain('hidden');
    expect(text).toContain('"shown"');
  });
});
