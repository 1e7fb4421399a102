import type { PeerCertificate } from 'node:tls';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

/** A control plane is known by its SPIFFE ID, at whatever address it is. */
export interface ControlPlaneTrust {
  /** PEM of the roots. */
  readonly roots: string;
  /** SPIFFE ID that its certificate must have. */
  readonly identity: string;
}

/** The proxy's own certificate and key, in PEM; undefined: it has none yet. */
export interface OwnCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** For one connection: what is trusted, and shown, is what it is at this moment. */
export function controlPlaneCredentials({ roots, identity }: ControlPlaneTrust, own?: OwnCertificate): ChannelCredentials {
  return credentials.createSsl(Buffer.from(roots), own ? Buffer.from(own.privateKey) : null, own ? Buffer.from(own.certificateChain) : null, {
    // The handshake has verified the chain; of the name the identity decides, and not the address.
    checkServerIdentity: (_host: string, { subjectaltname }: PeerCertificate) => {
      const names = (subjectaltname ?? '').split(', ').filter((name) => name.startsWith('URI:')).map((name) => name.slice('URI:'.length));
      if (names.includes(identity)) return undefined;
      return new Error(`the control plane must be ${identity}; whoever answers is ${names.join(', ') || 'nobody'}`);
    },
  });
}
