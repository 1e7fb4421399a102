import type { Clock } from '../../clock';
import { Authorizer } from '../authorization/authorizer';
import { allChains, type DownstreamTlsConfig, type FilterChainConfig, type ListenerConfig } from '../config/types';
import { compileFilters } from '../filter';
import { compileBodyFilters } from '../filter/body';
import type { KeyStore } from '../filter/jwt';
import type { RouteTable } from '../route/types';
import { compileChoice } from '../route/weighted-clusters';
import type { SharedMemory } from '../shared-memory';
import { compileCertainMatch, compileFilterChainMatch } from './filter-chain-match';
import { isHttp, type ChainTables, type ListenerTables } from './tables';
import type { DownstreamTransportSocket } from './transport-socket';

export interface ListenerDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** The compiled route table of that name; undefined where the snapshot has none. */
  readonly routes: (name: string) => RouteTable | undefined;
  /** What all workers of the pod see; undefined: there is one proxy. */
  readonly shared?: SharedMemory;
  /** Keys of tokens, which are fetched. Undefined: none can be. */
  readonly keys?: KeyStore;
  /** The transport socket of a filter chain that is not plain TCP; the same one again where nothing that it is made of has changed. */
  readonly transportSocket?: (key: string, config: DownstreamTlsConfig) => DownstreamTransportSocket;
}

/**
 * Compiles a listener. What did not change since `before` is the same object again, so that the state of its filters goes on.
 * @throws Error where a route table is missing, or a transport socket that nobody can make is asked for.
 */
export function compileListener(config: ListenerConfig, dependencies: ListenerDependencies, before: ListenerTables | undefined): ListenerTables {
  const known = (key: string) => before?.chains.find(({ chain }) => chain.key === key);
  const chains = allChains(config).map((chain) => compileChain(config.name, chain, dependencies, known(chain.key)));
  if (before !== undefined && before.config === config && chains.every((chain, index) => chain === before.chains[index])) return before;
  const matches = config.filterChains.map(({ match }) => match);
  const hasDefault = config.defaultFilterChain !== undefined;
  return { config, chains, matcher: compileFilterChainMatch(matches, hasDefault), certain: compileCertainMatch(matches, hasDefault) };
}

function compileChain(
  listener: string, chain: FilterChainConfig, dependencies: ListenerDependencies, before: ChainTables | undefined,
): ChainTables {
  const transportSocket = compileSocket(listener, chain, dependencies);
  const { filter: config } = chain;
  if (config.kind === 'tcp_proxy') {
    if (before?.chain === chain && before.transportSocket === transportSocket) return before;
    const authorizer = chain.rbac && new Authorizer(chain.rbac);
    return { chain, transportSocket, config, choose: compileChoice(config.clusters, false), authorizer };
  }
  const routes = dependencies.routes(config.routeTable);
  if (routes === undefined) throw new Error(`listener ${listener}: route table ${config.routeTable} is not in the snapshot`);
  const known = before !== undefined && isHttp(before) ? before : undefined;
  if (known !== undefined && known.chain === chain && known.routes === routes && known.transportSocket === transportSocket) return known;
  const { clock, random, shared, keys } = dependencies;
  const filters = compileFilters(config.filters, { clock, random, shared, keys, scope: chain.key, previous: known?.filters });
  return { chain, transportSocket, config, routes, filters, bodyFilters: compileBodyFilters(filters) };
}

function compileSocket(listener: string, { key, transportSocket }: FilterChainConfig, dependencies: ListenerDependencies) {
  if (transportSocket === undefined) return undefined;
  if (dependencies.transportSocket === undefined) throw new Error(`listener ${listener}: nothing makes the transport socket of filter chain ${key}`);
  return dependencies.transportSocket(key, transportSocket);
}
