import { AnySchema, BootstrapSchema, toJson, TypeUrl, type Bootstrap, type JsonValue } from '../../xds';
import { PRIVATE_FIELDS } from '../config/private-parts';
import type { ConfigStore, DiscoveredType } from '../config/store';

const ADMIN = 'type.googleapis.com/envoy.admin.v3';
const SECRET = /authorization|cookie|password|passwd|secret|token|private_?key|credential/i;
/** Members that hold a key whatever is in them. */
const KEYS: ReadonlySet<string> = new Set([
  ...Object.values(PRIVATE_FIELDS).flat().filter((name) => name !== 'keys' && name !== 'secret'), 'session_ticket_keys',
]);
const REDACTED = '[redacted]';

/** What the proxy was told, in the form of Envoy's `/config_dump`: resources as they came, warming ones apart, secrets never. */
export function configDump(bootstrap: Bootstrap, store: ConfigStore, includeEndpoints: boolean): JsonValue {
  const fixed = bootstrap.staticResources;
  const warming = store.warming();
  const split = (type: DiscoveredType, member: string, waiting: readonly string[]) => {
    const all = store.resources(type).map(({ name, version, resource }) => ({
      name, entry: { version_info: version, [member]: toJson(AnySchema, resource) },
    }));
    return {
      active: all.filter(({ name }) => !waiting.includes(name)).map(({ entry }) => entry),
      warming: all.filter(({ name }) => waiting.includes(name)).map(({ entry }) => entry),
    };
  };
  const clusters = split(TypeUrl.CDS, 'cluster', warming.clusters);
  const listeners = split(TypeUrl.LDS, 'listener', warming.listeners);
  type StaticResources = { clusters?: JsonValue[]; listeners?: JsonValue[]; secrets?: JsonValue[] };
  const whole = toJson(BootstrapSchema, bootstrap) as { static_resources?: StaticResources };
  const configs: JsonValue[] = [
    { '@type': `${ADMIN}.BootstrapConfigDump`, 'bootstrap': whole as JsonValue },
    {
      '@type': `${ADMIN}.ClustersConfigDump`,
      'static_clusters': (fixed?.clusters ?? []).map((_, index) => ({ cluster: whole.static_resources!.clusters![index] })),
      'dynamic_active_clusters': clusters.active,
      'dynamic_warming_clusters': clusters.warming,
    },
    {
      '@type': `${ADMIN}.ListenersConfigDump`,
      'static_listeners': (fixed?.listeners ?? []).map((_, index) => ({ listener: whole.static_resources!.listeners![index] })),
      'dynamic_listeners': [
        ...listeners.active.map((entry) => ({ active_state: entry })), ...listeners.warming.map((entry) => ({ warming_state: entry })),
      ],
    },
    { '@type': `${ADMIN}.RoutesConfigDump`, 'dynamic_route_configs': split(TypeUrl.RDS, 'route_config', []).active },
  ];
  configs.push({
    '@type': `${ADMIN}.SecretsConfigDump`,
    'static_secrets': (fixed?.secrets ?? []).map((secret, index) => ({ name: secret.name, secret: whole.static_resources!.secrets![index] })),
    'dynamic_active_secrets': split(TypeUrl.SDS, 'secret', []).active.map((entry, index) => ({ name: store.resources(TypeUrl.SDS)[index].name, ...entry })),
    'dynamic_warming_secrets': store.missingSecrets().map((name) => ({ name })),
  });
  if (includeEndpoints) {
    configs.push({ '@type': `${ADMIN}.EndpointsConfigDump`, 'dynamic_endpoint_configs': split(TypeUrl.EDS, 'endpoint_config', []).active });
  }
  return redact({ configs });
}

/** Values of headers and members whose name says that they are secret. */
function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const secretHeader = typeof value.key === 'string' && SECRET.test(value.key);
  return Object.fromEntries(entries.map(([name, item]) => {
    if (KEYS.has(name) && item !== null) return [name, REDACTED];
    const hidden = typeof item === 'string' && (SECRET.test(name) || (secretHeader && (name === 'value' || name === 'raw_value')));
    return [name, hidden ? REDACTED : redact(item)];
  }));
}
