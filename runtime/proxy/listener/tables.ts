import type { Authorizer } from '../authorization/authorizer';
import type { FilterChainConfig, HttpConnectionManagerConfig, ListenerConfig, TcpProxyConfig } from '../config/types';
import type { BodyFilters } from '../filter/body';
import type { HttpFilter } from '../filter/types';
import type { ClusterChoice, RouteTable } from '../route/types';
import type { FilterChainMatcher } from './filter-chain-match';
import type { DownstreamTransportSocket } from './transport-socket';

/** What a listener was configured to do, compiled; replaced by one assignment. */
export interface ListenerTables {
  readonly config: ListenerConfig;
  /** In the order of `FilterChainMatcher`'s answers; the default chain last, where there is one. */
  readonly chains: readonly ChainTables[];
  readonly matcher: FilterChainMatcher;
  /** Of a connection to that place, whatever its first bytes are; undefined: they decide. */
  readonly certain: (port: number, address: string) => number | undefined;
}

export type ChainTables = HttpTables | TcpTables;

interface CommonTables {
  readonly chain: FilterChainConfig;
  /** Undefined: plain TCP. */
  readonly transportSocket: DownstreamTransportSocket | undefined;
}

/** An HTTP connection manager's. A request keeps what it began with. */
export interface HttpTables extends CommonTables {
  readonly config: HttpConnectionManagerConfig;
  readonly routes: RouteTable;
  readonly filters: readonly HttpFilter[];
  /** Those of them that have to do with bodies; undefined: bodies pass as they are. */
  readonly bodyFilters: BodyFilters | undefined;
}

export interface TcpTables extends CommonTables {
  readonly config: TcpProxyConfig;
  /** Picks a cluster. */
  readonly choose: (hash: undefined, random: () => number) => ClusterChoice;
  /** Undefined: whoever connects may. */
  readonly authorizer: Authorizer | undefined;
}

export function isHttp(tables: ChainTables): tables is HttpTables {
  return tables.config.kind === 'http';
}
