import type { FilterChainMatchConfig } from '../config/types';
import { Networks } from './destinations';

/** What is known of a connection when its filter chain is chosen. */
export interface ConnectionTraits {
  readonly destinationPort: number;
  /** IP address. */
  readonly destinationAddress: string;
  /** SNI in lower case; empty where there is none. */
  readonly serverName: string;
  readonly transportProtocol: 'tls' | 'raw_buffer';
  /** In the client's order. */
  readonly applicationProtocols: readonly string[];
}

/** Index of the chain that serves the connection; the default chain's is the number of chains; -1: none. */
export type FilterChainMatcher = (traits: ConnectionTraits) => number;

const ANY = '';

type ByProtocol = Map<string, number>;
type ByTransport = Map<string, ByProtocol>;
type ByName = Map<string, ByTransport>;
interface ByAddress {
  readonly networks: Networks<ByName>;
  readonly any: ByName;
}
type ByPort = Map<number, ByAddress>;

/**
 * Envoy's order: destination port, then destination address (the longest prefix), then server name (exact, then the longest `*.suffix`, then chains without names), then transport protocol, then
 * application protocol. Each step keeps to the most specific that matches: where a later step fails then, the default chain serves, not a less
 * specific one.
 */
export function compileFilterChainMatch(chains: readonly FilterChainMatchConfig[], hasDefault: boolean): FilterChainMatcher {
  const ports = index(chains, () => {});
  const none = hasDefault ? chains.length : -1;
  return ({ destinationPort, destinationAddress, serverName, transportProtocol, applicationProtocols }) => {
    const addresses = ports.get(destinationPort) ?? ports.get(0);
    const names = addresses && (addresses.networks.find(destinationAddress) ?? addresses.any);
    const transports = names && byServerName(names, serverName);
    const protocols = transports && (transports.get(transportProtocol) ?? transports.get(ANY));
    if (protocols === undefined) return none;
    for (const protocol of applicationProtocols) {
      const found = protocols.get(protocol);
      if (found !== undefined) return found;
    }
    return protocols.get(ANY) ?? none;
  };
}

/**
 * As `compileFilterChainMatch`, of what is known before a connection has said anything: undefined where the chain depends on that.
 */
export function compileCertainMatch(
  chains: readonly FilterChainMatchConfig[], hasDefault: boolean,
): (port: number, address: string) => number | undefined {
  const ports = index(chains, () => {});
  const none = hasDefault ? chains.length : -1;
  return (port, address) => {
    const addresses = ports.get(port) ?? ports.get(0);
    const names = addresses && (addresses.networks.find(address) ?? addresses.any);
    if (names === undefined || names.size === 0) return none;
    const transports = names.size === 1 ? names.get(ANY) : undefined;
    const protocols = transports?.size === 1 ? transports.get(ANY) : undefined;
    return protocols?.size === 1 ? protocols.get(ANY) : undefined;
  };
}

/** Pairs of chains of which no connection could say which one it belongs to: Envoy refuses them. */
export function duplicateMatches(chains: readonly FilterChainMatchConfig[]): [first: number, second: number][] {
  const found = new Map<string, [number, number]>();
  index(chains, (first, second) => { found.set(`${first} ${second}`, [first, second]); });
  return [...found.values()];
}

/** Whether every connection belongs to the one chain, so that nothing has to be known of it. */
export function matchesAll(match: FilterChainMatchConfig): boolean {
  return match.destinationPort === undefined && match.prefixRanges === undefined && match.serverNames.length === 0
    && match.transportProtocol === undefined
    && match.applicationProtocols.length === 0;
}

function index(chains: readonly FilterChainMatchConfig[], duplicate: (first: number, second: number) => void): ByPort {
  const ports: ByPort = new Map();
  chains.forEach((match, chain) => {
    const port = match.destinationPort ?? 0;
    const addresses = ports.get(port) ?? { networks: new Networks<ByName>(), any: new Map() };
    ports.set(port, addresses);
    const networks = match.prefixRanges?.map((range) => addresses.networks.child(range, () => new Map()));
    for (const names of networks ?? [addresses.any]) place(names, match, chain, duplicate);
  });
  return ports;
}

function place(names: ByName, match: FilterChainMatchConfig, chain: number, duplicate: (first: number, second: number) => void): void {
  for (const name of orAny(match.serverNames)) {
    const protocols = child(child(names, name.startsWith('*') ? name.slice(1) : name), match.transportProtocol ?? ANY);
    for (const protocol of orAny(match.applicationProtocols)) {
      const first = protocols.get(protocol);
      if (first === undefined) protocols.set(protocol, chain);
      else if (first !== chain) duplicate(first, chain);
    }
  }
}

/** Suffixes stand in the map with their leading dot, which no exact name has. */
function byServerName(names: ByName, serverName: string): ByTransport | undefined {
  if (serverName === '') return names.get(ANY);
  const exact = names.get(serverName);
  if (exact !== undefined) return exact;
  for (let dot = serverName.indexOf('.', 1); dot >= 0 && dot < serverName.length - 1; dot = serverName.indexOf('.', dot + 1)) {
    const suffix = names.get(serverName.slice(dot));
    if (suffix !== undefined) return suffix;
  }
  return names.get(ANY);
}

function child<K, A, B>(map: Map<K, Map<A, B>>, key: K): Map<A, B> {
  let found = map.get(key);
  if (found === undefined) map.set(key, found = new Map<A, B>());
  return found;
}

function orAny(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [ANY] : values;
}
