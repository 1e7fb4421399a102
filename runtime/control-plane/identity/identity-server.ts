import { Server } from '@grpc/grpc-js';
import { spiffeId } from '../../../src/contract';
import type { Clock } from '../../clock';
import { CertificateService } from '../../xds/certificate-service';
import type { Log } from '../log';
import type { AuthorityStore } from './authority-store';
import { CertificateIssuer, type CertificateStats } from './certificate-issuer';
import { ServingIdentity } from './serving-identity';
import type { TokenVerifier } from './token';
import type { TrustBundleWriter } from './trust-bundle-writer';

/** What the control plane needs to give workloads an identity. */
export interface IdentityOptions {
  readonly authority: AuthorityStore;
  readonly tokens: TokenVerifier;
  readonly trustDomain: string;
  /** The control plane's own namespace and service account. */
  readonly self: { readonly namespace: string; readonly serviceAccount: string };
  /** Names that proxies connect by, beside that of its Kubernetes Service. */
  readonly dnsNames: readonly string[];
  /** Where certificates are asked for. */
  readonly address: string;
  /** Brings the trust bundle to the pods of a cluster before they connect; undefined: whoever starts them does. */
  readonly publish?: Pick<TrustBundleWriter, 'update' | 'close'>;
}

export interface IdentityServerDeps {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Milliseconds that certificates are valid at this moment. */
  readonly lifetime: () => number;
  /** The trust bundle is another one. */
  readonly trusted: () => void;
}

/** The control plane's own certificate is renewed as those of workloads are. */
const OWN_LIFETIME = 24 * 3_600_000;

/** Gives workloads their certificates, and the control plane its own. */
export class IdentityServer {
  readonly serving: ServingIdentity;
  private readonly issuer: CertificateIssuer;
  private readonly server = new Server({ 'grpc.max_concurrent_streams': 10 });
  /** Port that was bound; 0 before `start`. */
  port = 0;

  constructor(private readonly options: IdentityOptions, deps: IdentityServerDeps) {
    const { authority, dnsNames, self, tokens, trustDomain } = options;
    const { clock, lifetime, log, random, trusted } = deps;
    this.serving = new ServingIdentity({
      clock, random, log, authority, dnsNames, lifetime: OWN_LIFETIME, identity: spiffeId(trustDomain, self.namespace, self.serviceAccount),
    });
    this.issuer = new CertificateIssuer({
      clock, log, tokens, authority: () => authority.current,
      policy: { identityOf: (workload) => spiffeId(trustDomain, workload.namespace, workload.serviceAccount), get lifetime() { return lifetime(); } },
    });
    this.server.addService(CertificateService, this.issuer.handlers);
    authority.subscribe(trusted);
  }

  get trustBundle(): string | undefined {
    return this.options.authority.current?.trustBundle;
  }

  get stats(): CertificateStats {
    return this.issuer.stats;
  }

  /** What is waited for; undefined: it serves. */
  get waitingFor(): string | undefined {
    const { authority } = this.options;
    return authority.current ? undefined : authority.problem ?? authority.name;
  }

  /** Resolves when there is an authority, and certificates are given. */
  async start(): Promise<void> {
    this.options.authority.start();
    await this.serving.ready();
    this.port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(this.options.address, this.serving.openCredentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
  }

  /** Brings the trust bundle to where pods of the mesh are. */
  publish(namespaces: readonly string[]): void {
    const { trustBundle } = this;
    if (trustBundle !== undefined) this.options.publish?.update(namespaces, trustBundle);
  }

  async close(): Promise<void> {
    this.server.forceShutdown();
    await this.options.publish?.close();
    await this.serving.close();
    await this.options.authority.close();
  }
}
