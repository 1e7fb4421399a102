import type { ConnectionView } from '../data-plane/types';

/** Those that hold most come first; of equals the order is theirs. */
const byBytes = (one: ConnectionView, other: ConnectionView): number => other.bufferedBytes - one.bufferedBytes;

/** A line a connection: `side::name::peer::protocol::active::buffered_bytes`. */
export function connectionsText(connections: readonly ConnectionView[]): string {
  return [...connections].sort(byBytes).map(({ side, name, peer, protocol, active, bufferedBytes }) => (
    `${[side, name, peer, protocol, active, bufferedBytes].join('::')}\n`)).join('');
}

export function connectionsJson(connections: readonly ConnectionView[]): unknown {
  return {
    connections: [...connections].sort(byBytes).map(({ side, name, peer, protocol, active, bufferedBytes }) => (
      { side, name, peer, protocol, active, buffered_bytes: bufferedBytes })),
  };
}
