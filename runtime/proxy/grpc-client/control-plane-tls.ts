import { isIP } from 'node:net';
import type { Clock } from '../../clock';
import type { UpstreamTlsConfig } from '../config/tls-types';
import { ClientTlsContext } from '../tls/client';
import type { ClientTls } from '../transport';

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

/** For one connection to `host`: what is trusted, and shown, is what it is at this moment. */
export function controlPlaneTls(host: string, { roots, identity }: ControlPlaneTrust, clock: Clock, own?: OwnCertificate): ClientTls {
  const config: UpstreamTlsConfig = {
    kind: 'tls',
    certificates: own ? [{ value: { chain: own.certificateChain, key: own.privateKey } }] : [],
    validation: {
      trust: {
        value: {
          trustedCa: roots, crl: undefined, fingerprints: [],
          names: [{ type: 'uri', match: { kind: 'exact', value: identity, ignoreCase: false } }],
        },
      },
      defaults: undefined,
    },
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: undefined,
    curves: undefined,
    alpn: ['h2'],
    sni: isIP(host) === 0 ? host : undefined,
    nameIsSni: false,
    maxSessionKeys: 0,
  };
  return new ClientTlsContext(config, new Map(), clock).to(host);
}
