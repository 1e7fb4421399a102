import { createHash } from 'node:crypto';
import {
  ApiVersion, create, duration, encode, HttpConnectionManagerSchema, HttpFilterSchema, ListenerSchema, packAny, RouterSchema, type HttpFilter,
  type Listener,
} from '../../../xds';
import { OUTBOUND } from '../names';

/**
 * Name of the routes to a called service: `outbound:payment.shop:8080`, as those of intercepted proxies. Where there are filters, with a word for what
 * they are: grpc-js-xds acknowledges a listener whose routes keep their name, and goes on as before.
 */
export function routesName(virtualHost: string, filters: readonly HttpFilter[]): string {
  const plain = `${OUTBOUND}:${virtualHost}`;
  if (filters.length === 0) return plain;
  const hash = createHash('sha256');
  for (const filter of filters) hash.update(encode(HttpFilterSchema, filter));
  return `${plain}~${hash.digest('hex').slice(0, 8)}`;
}

/** What `xds:///NAME` asks for. */
export function apiListener(name: string, routeConfigName: string, filters: readonly HttpFilter[]): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName,
        configSource: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3, initialFetchTimeout: duration(0) },
      },
    },
    httpFilters: [...filters, create(HttpFilterSchema, {
      name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) },
    })],
  });
  return create(ListenerSchema, { name, apiListener: { apiListener: packAny(HttpConnectionManagerSchema, manager) } });
}
