import { createHash } from 'node:crypto';
import { TypeUrl } from '../../xds';
import type { Connection } from '../ads';
import { TRUST_BUNDLE } from '../xds/identity';
import { parseCertificates, toPem } from './x509';

/** How far the proxies of one replica are with the roots that they are to trust. */
export interface TrustProgress {
  /** `trustName` of the roots that this replica hands out. */
  readonly trust: string;
  /** Proxies that are to have them. */
  readonly proxies: number;
  /** Names of those that have not acknowledged them. */
  readonly behind: readonly string[];
  /** Milliseconds that certificates are valid. */
  readonly lifetime: number;
}

/** What replicas call a trust bundle among themselves: the same for the same roots, however they are written. */
export function trustName(bundle: string): string {
  return `Trust ${createHash('sha256').update(toPem(parseCertificates(bundle, 'trust bundle'))).digest('hex').slice(0, 16)}`;
}

/** Of the proxies that are connected to this replica. One that asks for no roots has none to learn: it is not of a mesh that encrypts. */
export function trustProgress(bundle: string, connections: readonly Connection[], lifetime: number): TrustProgress {
  const states = connections.flatMap(({ peer, snapshot, stream }) => {
    const resource = snapshot?.types[TypeUrl.SDS].get(TRUST_BUNDLE);
    const state = resource && stream.stateOf(TypeUrl.SDS, resource);
    return state === undefined ? [] : [{ id: peer.id, accepted: state === 'accepted' }];
  });
  return { trust: trustName(bundle), proxies: states.length, behind: states.filter(({ accepted }) => !accepted).map(({ id }) => id), lifetime };
}
