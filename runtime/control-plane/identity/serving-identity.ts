import { webcrypto } from 'node:crypto';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../clock';
import type { ServingMaterial, ServingSource } from '../grpc';
import type { Log } from '../log';
import type { AuthorityStore } from './authority-store';
import { SIGNING, x509 } from './x509';

export interface ServingIdentityDeps {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly authority: AuthorityStore;
  /** SPIFFE ID of the control plane. */
  readonly identity: string;
  /** Names that proxies connect by. */
  readonly dnsNames: readonly string[];
  /** Milliseconds that its certificate is valid. */
  readonly lifetime: number;
}

const BASE_BACKOFF = 1_000;
/** Part of the life around its half in which it is renewed. */
const SPREAD = 0.2;

type CaListener = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<experimental.CertificateProvider['addIdentityCertificateListener']>[0];

/**
 * The control plane's own certificate, signed by the authority that it has: each replica its own, with a key that never leaves it. New handshakes use
 * the newest, open streams go on.
 */
export class ServingIdentity implements experimental.CertificateProvider {
  private readonly caListeners = new Set<CaListener>();
  private readonly identityListeners = new Set<IdentityListener>();
  private readonly servers = new Set<(material: ServingMaterial) => void>();
  private ca: { readonly caCertificate: Buffer } | undefined;
  private own: { readonly certificate: Buffer; readonly privateKey: Buffer } | undefined;
  private timer: Timer | undefined;
  private making: Promise<void> = Promise.resolve();
  private closed = false;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly deps: ServingIdentityDeps) {
    deps.authority.subscribe(() => this.renew());
  }

  /** Resolves when there is a certificate to serve with. */
  async ready(): Promise<void> {
    if (!this.own) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** For everybody, to ask for their first certificate. */
  get openCredentials(): ServerCredentials {
    return experimental.createCertificateProviderServerCredentials(this, null, false);
  }

  /** For a server that lets in only whoever has a certificate of the mesh: others do not get past the handshake. */
  get mutual(): ServingSource {
    return {
      subscribe: (listener) => {
        this.servers.add(listener);
        if (this.material) listener(this.material);
        return () => this.servers.delete(listener);
      },
    };
  }

  private get material(): ServingMaterial | undefined {
    const { ca, own } = this;
    return ca && own && { ...own, roots: ca.caCertificate };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    for (const resolve of this.waiting.splice(0)) resolve();
    await this.making;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.caListeners.add(listener);
    // Later: whoever listens is not ready to hear within the call, as with the library's own providers.
    if (this.ca) process.nextTick(listener, this.ca);
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.add(listener);
    if (this.own) process.nextTick(listener, this.own);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.delete(listener);
  }

  private renew(): void {
    this.timer?.cancel();
    this.making = this.making.then(async () => this.make());
  }

  private async make(): Promise<void> {
    const { authority, clock, dnsNames, identity, lifetime, log, random } = this.deps;
    const signer = authority.current;
    if (!signer || this.closed) return;
    const again = (wait: number): void => {
      if (!this.closed) this.timer = clock.setTimer(wait, () => this.renew());
    };
    try {
      const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
      const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
      const now = clock.wallTime();
      const { chain, notAfter } = await signer.issue(request.toString('pem'), { identity, dnsNames, lifetime }, now);
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
      this.ca = { caCertificate: Buffer.from(signer.trustBundle) };
      this.own = { certificate: Buffer.from(chain), privateKey: Buffer.from(`-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`) };
      for (const listener of this.caListeners) listener(this.ca);
      for (const listener of this.identityListeners) listener(this.own);
      for (const listener of this.servers) listener({ ...this.own, roots: this.ca.caCertificate });
      for (const resolve of this.waiting.splice(0)) resolve();
      again((notAfter - now) * (0.5 + (random() - 0.5) * SPREAD));
    } catch (error) {
      log.error('identity', 'the control plane has no new certificate of its own', { reason: (error as Error).message });
      again(BASE_BACKOFF);
    }
  }
}
