import type { Bootstrap, Node } from '../../xds';
import type { DecodedCluster, DecodedListener } from '../config/decode';
import type { HostPort } from '../config/decode/scalars';
import type { SecretConfig } from '../config/types';
import type { OverloadConfig } from '../overload/types';

/** What a bootstrap document says, checked. */
export interface BootstrapConfig {
  /** Sent to the control plane. */
  readonly node: Node;
  /** Where the admin server listens; undefined: there is none. */
  readonly admin: HostPort | undefined;
  /** Where resources are discovered; undefined: everything is static. */
  readonly ads: AdsConfig | undefined;
  /** What is watched and done against overload; undefined: nothing. */
  readonly overload: OverloadConfig | undefined;
  readonly listeners: readonly DecodedListener[];
  readonly clusters: readonly DecodedCluster[];
  readonly secrets: readonly SecretConfig[];
  /** The document itself, for the config dump. */
  readonly message: Bootstrap;
}

export interface AdsConfig {
  /** Control planes, tried in turn. */
  readonly addresses: readonly HostPort[];
  /** `:authority` of the calls; undefined: the address. */
  readonly authority: string | undefined;
  /** Milliseconds for a connection to be made. */
  readonly connectTimeout: number;
  /** HTTP/2 pings: milliseconds between two, and until an unanswered one ends the connection; undefined: none. */
  readonly keepalive: { readonly interval: number; readonly timeout: number } | undefined;
  /** SPIFFE ID of the control plane: the connection is mutual TLS; undefined: plain text. */
  readonly identity: string | undefined;
  /** Whether listeners and clusters are discovered. */
  readonly listeners: boolean;
  readonly clusters: boolean;
}

/** A bootstrap document or command line that cannot be started with: everything that is wrong with it. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
  constructor(readonly source: string, readonly problems: readonly string[]) {
    super(`${source}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}
