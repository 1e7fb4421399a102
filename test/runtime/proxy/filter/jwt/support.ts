import type {
  ClusterConfig, JwtConfig, JwtProviderConfig, JwtRequirement, JwtRuleConfig, RemoteKeysConfig, RouteConfig,
} from '../../../../../runtime/proxy/config/types';
import type { JwtFilter } from '../../../../../runtime/proxy/filter/jwt';
import { isHttp } from '../../../../../runtime/proxy/listener/tables';
import { Families } from '../../../../../runtime/proxy/observe/families';
import { collectTraffic } from '../../../../../runtime/proxy/observe/metrics';
import { actionConfig, clusterConfig, jwtProviderConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../../support/config';
import { Harness, OK, parseAnswer } from '../../support/harness';
import type { MemoryConnection } from '../../support/memory-transport';
import { IssuerKey } from '../../support/tokens';

export const KEYS_PORT = 9443;
export const key = new IssuerKey('ES256', 'first');
export const second = new IssuerKey('EdDSA', 'second');
export const MINUTE = 60_000;
/** `VirtualClock` begins then. */
export const BEGIN = Date.UTC(2026, 0, 1) / 1000;
export const CLAIMS = { iss: 'https://login.example', aud: 'payment', sub: 'ann', exp: BEGIN + 86_400 };
export const NEEDED: JwtRequirement = { kind: 'provider', provider: 'payment.shop', audiences: undefined };
export const everywhere = (requires: JwtRequirement | undefined): JwtRuleConfig => (
  { path: { kind: 'prefix', value: '/', ignoreCase: false }, headers: [], queryParams: [], requires }
);
export const REMOTE = jwtProviderConfig().keys as RemoteKeysConfig;

export interface Setting {
  readonly provider?: Partial<JwtProviderConfig>;
  readonly keys?: Partial<RemoteKeysConfig>;
  readonly config?: Partial<JwtConfig>;
  readonly cluster?: Partial<ClusterConfig>;
  readonly payment?: Partial<ClusterConfig>;
  readonly route?: Partial<RouteConfig>;
  readonly endpoints?: readonly number[];
}

/** The proxy of the present test. */
export let harness: Harness;

export function configured({ provider, keys, config, cluster, payment, route, endpoints = [KEYS_PORT] }: Setting) {
  const jwt: JwtConfig = {
    providers: [jwtProviderConfig({ keys: { ...REMOTE, ...keys }, ...provider })], rules: [everywhere(NEEDED)], named: new Map(),
    bypassCorsPreflight: false, ...config,
  };
  return snapshot(
    listenerConfig({ filters: [{ kind: 'jwt', name: 'jwt', config: jwt }] }), routeTable([routeConfig(actionConfig(), route)]),
    [[clusterConfig(payment), [9001]], [clusterConfig({ name: 'jwks', keysKeptFor: 0, ...cluster }), endpoints]],
  );
}

export async function start(setting: Setting = {}): Promise<void> {
  harness = await Harness.start();
  await harness.proxy.apply(configured(setting));
  harness.transport.settle();
}

export function ask(token: string | undefined, { path = '/', headers = '' }: { path?: string; headers?: string } = {}): MemoryConnection {
  return harness.send(`GET ${path} HTTP/1.1\r\nhost: shop\r\n${token === undefined ? '' : `authorization: Bearer ${token}\r\n`}${headers}\r\n`);
}

/** Connections to where keys are. */
export const fetches = () => harness.transport.connected.filter(({ port }) => port === KEYS_PORT);
export const requests = () => harness.transport.connected.filter(({ port }) => port === 9001);

export function answerKeys(document: string, at = fetches().length - 1): void {
  fetches()[at].deliver(`HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\ncontent-length: ${document.length}\r\n\r\n${document}`);
  harness.transport.settle();
}

/** Time goes on until keys are asked for; returns how long that took. */
export function untilFetch(): number {
  const { length } = fetches();
  let waited = 0;
  for (; fetches().length === length; waited += 1000) harness.advance(1000);
  return waited;
}

export function served(client: MemoryConnection, at = requests().length - 1): string {
  harness.reply(OK, requests()[at]);
  expect(parseAnswer(client.takeReceived()).status).toBe(200);
  return requests()[at].takeReceived();
}

export const filter = () => {
  const { tables } = harness.manager;
  return (isHttp(tables) ? tables.filters[0] : undefined) as JwtFilter;
};

export function metrics(): Record<string, number> {
  const families = new Families();
  const observer = { dropped: () => [], durations: () => undefined } as unknown as Parameters<typeof collectTraffic>[1];
  const quiet = new Proxy(observer, { get: (of, name) => Reflect.get(of, name) ?? (() => undefined) });
  collectTraffic({ clusters: [], listeners: harness.proxy.listeners.values() }, quiet, families);
  return Object.fromEntries(families.toData().filter(({ name }) => /jwt|token/.test(name)).flatMap(({ name, series }) =>
    series.filter(({ value }) => value !== 0).map(({ labels, value }) => [name + (labels.reason === undefined ? '' : ` ${labels.reason}`), value])));
}

/** Nothing is left behind. */
export async function end(): Promise<void> {
  expect(harness.manager.stats.rqActive).toBe(0);
  await harness.close();
  expect(harness.clock.timers).toBe(0);
}
