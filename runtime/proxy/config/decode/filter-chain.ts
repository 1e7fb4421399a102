import { isIP } from 'node:net';
import {
  HttpConnectionManagerSchema, NetworkRbacSchema, SetFilterStateSchema, TcpProxySchema, unpackAnyAs,
  type Any, type CidrRange, type Filter, type FilterChain, type FilterChainMatch, type Listener,
} from '../../../xds';
import { duplicateMatches } from '../../listener/filter-chain-match';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { RbacConfig } from '../rbac-types';
import type { AddressRangeConfig, FilterChainConfig, FilterChainMatchConfig } from '../types';
import { httpConnectionManager, type DecodedRoutes } from './http-connection-manager';
import { networkRbac } from './rbac';
import { durationOrOff, inRange } from './scalars';
import { upstreamProtocols } from './set-filter-state';
import { tcpProxy } from './tcp-proxy';
import { downstreamSocket, HANDSHAKE_TIMEOUT } from './transport-socket';

interface DecodedChains {
  readonly chains: readonly FilterChainConfig[];
  readonly fallback: FilterChainConfig | undefined;
  readonly routes: readonly DecodedRoutes[];
}

const EVERYTHING: FilterChainMatchConfig = { destinationPort: undefined, serverNames: [], transportProtocol: undefined, applicationProtocols: [] };

export function filterChains(message: Listener, bufferLimit: number, problems: Problems): DecodedChains {
  const routes: DecodedRoutes[] = [];
  const used = new Set<string>();
  const chain = (from: FilterChain, path: string, match: FilterChainMatchConfig, part: string): FilterChainConfig | undefined => {
    // A name that is there twice tells nobody apart; the match does.
    const distinct = used.has(part) ? `${part}/${matchText(match)}` : part;
    used.add(distinct);
    return filterChain(from, path, match, distinct === '' ? message.name : `${message.name}/${distinct}`, bufferLimit, routes, problems);
  };
  const matches = message.filterChains.map(({ filterChainMatch }, index) =>
    filterChainMatch === undefined ? EVERYTHING : chainMatch(filterChainMatch, `filter_chains[${index}].filter_chain_match`, problems));
  for (const [first, second] of duplicateMatches(matches)) {
    problems.add(`filter_chains[${second}].filter_chain_match`, `matches what filter_chains[${first}] matches: ${matchText(matches[second]) || 'everything'}; `
      + 'make them differ, or leave one out');
  }
  const chains = message.filterChains.map((from, index) => chain(from, `filter_chains[${index}]`, matches[index], from.name || matchText(matches[index])));
  const { defaultFilterChain } = message;
  if (chains.length === 0 && defaultFilterChain === undefined) problems.add('filter_chains', 'is empty: at least one filter chain, or default_filter_chain, is required');
  if (defaultFilterChain?.filterChainMatch !== undefined) {
    problems.add('default_filter_chain.filter_chain_match', 'has no meaning: the default chain serves what no other does; remove it');
  }
  return {
    chains: chains.filter((made) => made !== undefined),
    fallback: defaultFilterChain && chain(defaultFilterChain, 'default_filter_chain', EVERYTHING, defaultFilterChain.name || 'default'),
    routes,
  };
}

function filterChain(
  from: FilterChain, path: string, match: FilterChainMatchConfig, key: string, bufferLimit: number, routes: DecodedRoutes[], problems: Problems,
): FilterChainConfig | undefined {
  const timeout = durationOrOff(from.transportSocketConnectTimeout, HANDSHAKE_TIMEOUT, `${path}.transport_socket_connect_timeout`, problems);
  const transportSocket = downstreamSocket(from.transportSocket, timeout, `${path}.transport_socket`, problems);
  const last = from.filters.length - 1;
  const before = from.filters.slice(0, -1).map((filter, index) => {
    const config = typedConfig(filter), filterPath = `${path}.filters[${index}].typed_config`;
    const judge = unpackAnyAs(NetworkRbacSchema, config);
    if (judge) return { rbac: networkRbac(judge, filterPath, problems) };
    const state = unpackAnyAs(SetFilterStateSchema, config);
    return state && { alpn: upstreamProtocols(state, filterPath, problems) };
  });
  const { rbac, alpn } = Object.assign({ rbac: undefined, alpn: undefined }, ...before) as { rbac?: RbacConfig; alpn?: readonly string[] };
  const counted = Number(rbac !== undefined) + Number(alpn !== undefined);
  if (last < 0 || counted !== last) {
    const known = 'HttpConnectionManager, or TcpProxy with or without RBAC and SetFilterState before it, each once';
    problems.add(`${path}.filters`, `there are ${from.filters.length}; what is supported is ${known}`);
    return undefined;
  }
  const any = typedConfig(from.filters[last]);
  const at = `${path}.filters[${last}].typed_config`;
  const hcm = unpackAnyAs(HttpConnectionManagerSchema, any);
  const common = { key, name: from.name, match, transportSocket, rbac };
  if (hcm) {
    if (alpn) problems.add(`${path}.filters`, 'SetFilterState is for TcpProxy: what HTTP offers to an upstream is said by its cluster');
    if (rbac) problems.add(`${path}.filters[0]`, 'is RBAC of connections; of requests it is an HTTP filter, envoy.extensions.filters.http.rbac.v3.RBAC');
    const made = httpConnectionManager(hcm, key, bufferLimit, at, problems);
    routes.push(made.routes);
    return { ...common, filter: made.config };
  }
  const proxy = unpackAnyAs(TcpProxySchema, any);
  if (proxy) return { ...common, filter: { ...tcpProxy(proxy, at, problems), ...alpn && { alpn } } };
  problems.add(at, 'must be envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager '
    + 'or envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy');
  return undefined;
}

function typedConfig(filter: Filter | undefined): Any | undefined {
  return filter?.configType.case === 'typedConfig' ? filter.configType.value : undefined;
}

function chainMatch(match: FilterChainMatch, path: string, problems: Problems): FilterChainMatchConfig {
  match.serverNames.forEach((name, index) => {
    // As in Envoy: a star stands for one label or more at the left, and nowhere else.
    if (name === '' || name.lastIndexOf('*') > 0 || (name.startsWith('*') && !name.startsWith('*.')) || name === '*.') {
      problems.add(`${path}.server_names[${index}]`, `${show(name)} must be a host name, or *.SUFFIX`);
    }
  });
  match.applicationProtocols.forEach((protocol, index) => {
    if (protocol === '') problems.add(`${path}.application_protocols[${index}]`, 'must not be empty');
  });
  const { transportProtocol } = match;
  return {
    destinationPort: match.destinationPort === undefined ? undefined : inRange(match.destinationPort, 1, 65_535, `${path}.destination_port`, problems),
    ...match.prefixRanges.length > 0 && { prefixRanges: match.prefixRanges.map((range, index) => addressRange(range, `${path}.prefix_ranges[${index}]`, problems)) },
    serverNames: match.serverNames.map((name) => name.toLowerCase()),
    transportProtocol: transportProtocol === 'tls' || transportProtocol === 'raw_buffer' ? transportProtocol : undefined,
    applicationProtocols: match.applicationProtocols,
  };
}

function addressRange({ addressPrefix, prefixLen }: CidrRange, path: string, problems: Problems): AddressRangeConfig {
  const family = isIP(addressPrefix);
  if (family === 0) problems.add(`${path}.address_prefix`, `${show(addressPrefix)} must be an address of IPv4 or IPv6`);
  return { address: addressPrefix, prefix: inRange(prefixLen ?? 0, 0, family === 4 ? 32 : 128, `${path}.prefix_len`, problems) };
}

/** What a match asks for, in words that are the same for the same match; empty for everything. */
function matchText({ destinationPort, prefixRanges = [], serverNames, transportProtocol, applicationProtocols }: FilterChainMatchConfig): string {
  return [
    destinationPort === undefined ? '' : `port ${destinationPort}`,
    prefixRanges.map(({ address, prefix }) => `${address}/${prefix}`).join(' '),
    serverNames.join(' '),
    transportProtocol ?? '',
    applicationProtocols.join(' '),
  ].filter((part) => part !== '').join(', ');
}
