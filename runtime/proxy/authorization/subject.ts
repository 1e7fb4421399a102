import type { RequestHead } from '../route/types';
import type { Destination } from '../transport';

/** Names of a certificate that was verified. */
export interface VerifiedPeer {
  readonly subject: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/** Who asks, and for what: a request, or a connection of bytes. */
export interface Subject {
  /** Undefined: the connection is not TLS, or its client has no certificate. */
  readonly peer: VerifiedPeer | undefined;
  /** Without the port. */
  readonly peerAddress: string;
  /** Port of the listener. */
  readonly destinationPort: number;
  /** What verified tokens of the request say, under the name that their filter gives them; undefined: there are none. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Where a redirected connection was meant to go. */
  readonly destination?: Destination | undefined;
  /** SNI that the client asked for. */
  readonly serverName?: string;
  /** Undefined of a connection of bytes. */
  readonly request: RequestHead | undefined;
}

const SPIFFE = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/;

/** Whom a log names: a workload of a mesh as `order.shop`, by its account and namespace, all else by what its certificate says. */
export function nameOfPeer({ peer, peerAddress }: Subject): string {
  if (peer === undefined) return `${peerAddress} without identity`;
  const name = peer.uris[0] ?? peer.dnsNames[0] ?? peer.subject;
  const [, namespace, account] = SPIFFE.exec(name) ?? [];
  return namespace === undefined ? name : `${account}.${namespace}`;
}
