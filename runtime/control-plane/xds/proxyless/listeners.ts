import {
  ApiVersion, create, duration, HttpConnectionManagerSchema, HttpFilterSchema, ListenerSchema, packAny, RouterSchema, type HttpFilter, type Listener,
} from '../../../xds';
import { OUTBOUND } from '../names';

/** Name of the routes to a called service: `outbound:payment.shop:8080`, as those of intercepted proxies. */
export function routesName(virtualHost: string): string {
  return `${OUTBOUND}:${virtualHost}`;
}

/** What `xds:///NAME` asks for. */
export function apiListener(name: string, virtualHost: string, filters: readonly HttpFilter[] = []): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: routesName(virtualHost),
        configSource: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3, initialFetchTimeout: duration(0) },
      },
    },
    httpFilters: [...filters, create(HttpFilterSchema, {
      name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) },
    })],
  });
  return create(ListenerSchema, { name, apiListener: { apiListener: packAny(HttpConnectionManagerSchema, manager) } });
}
