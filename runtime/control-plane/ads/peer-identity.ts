import type { X509Certificate } from 'node:crypto';
import type { MeshModel } from '../model';
import { serviceOf } from '../xds/guest';
import type { Peer } from './node';

/** SPIFFE ID of a client's certificate, which the handshake has verified; undefined: it has none. */
export function identityOf(certificate: X509Certificate | undefined): string | undefined {
  const names = certificate?.subjectAltName ?? '';
  return /(?:^|, )URI:(spiffe:\/\/[^,\s]+)/.exec(names)?.[1];
}

/**
 * Why a client may not be the node that it says it is; undefined: it may. A node is of a service, and a service has an identity: whoever has another
 * one gets nothing of it, not even whom it calls.
 */
export function impostor({ id, service }: Peer, identity: string | undefined, model: MeshModel): string | undefined {
  const expected = serviceOf(model, service)?.identity;
  if (expected === undefined || expected === identity) return undefined;
  return `node ${id} says that it is of ${service}, which is ${expected}; its certificate is of ${identity ?? 'nobody'}`;
}
