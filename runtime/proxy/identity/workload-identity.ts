import { readFile } from 'node:fs';
import { promisify } from 'node:util';
import type { HostPort } from '../config/decode/scalars';
import type { SecretConfig } from '../config/types';
import { controlPlaneTls, type GrpcClientDeps } from '../grpc-client';
import type { Log } from '../observe/log';
import type { ClientTls } from '../transport';
import { certificateClient } from './certificate-client';
import { SvidKeeper, type SvidStats } from './svid-keeper';
import type { CertificateRequest, Svid } from './types';

/** Name by SDS of the proxy's own certificate: it brings it itself. */
export const SVID = 'svid';
/** Name by SDS of the roots that everybody trusts. */
export const TRUST_BUNDLE = 'trust-bundle';

/** What the command line says of the workload's identity. */
export interface IdentityConfig {
  /** Token of the pod's service account, for the audience of the mesh. */
  readonly tokenFile: string;
  /** PEM of the roots by which the control plane is known. */
  readonly trustBundleFile: string;
  readonly certificateAddress: HostPort;
}

export interface WorkloadIdentityDeps extends GrpcClientDeps {
  readonly config: IdentityConfig;
  /** SPIFFE ID of the control plane. */
  readonly controlPlane: string;
  readonly log: Log;
  readonly makeRequest: () => Promise<CertificateRequest>;
  /** PEM of the roots that the control plane has told, by SDS; undefined before it has. */
  readonly told?: () => string | undefined;
  /** The secret that listeners and clusters refer to; the first one, and each after it. */
  readonly changed: (secret: SecretConfig) => void;
}

/** Who the pod is: its SVID, and how the control plane and it know each other. */
export class WorkloadIdentity {
  private readonly keeper: SvidKeeper;

  constructor(private readonly deps: WorkloadIdentityDeps) {
    const { clock, config, log, makeRequest, random } = deps;
    this.keeper = new SvidKeeper({
      clock, random, log, makeRequest,
      issue: certificateClient({
        ...deps, address: config.certificateAddress, tokenFile: config.tokenFile, trust: async () => this.trust(),
      }),
      changed: (svid) => deps.changed(secretOf(svid)),
    });
  }

  get stats(): SvidStats {
    return this.keeper.stats;
  }

  get svid(): Svid | undefined {
    return this.keeper.svid;
  }

  start(): void {
    this.keeper.start();
  }

  close(): void {
    this.keeper.close();
  }

  /** For a connection for configuration. */
  async tls(host: string): Promise<ClientTls> {
    return controlPlaneTls(host, await this.trust(), this.deps.clock, this.keeper.svid);
  }

  /** The file is renewed where it is mounted, and may lag minutes behind what the authority said last; so may what came with the certificate. */
  private async trust() {
    const { config, controlPlane } = this.deps;
    const mounted = await promisify(readFile)(config.trustBundleFile, 'utf8');
    return { roots: `${mounted}\n${this.deps.told?.() ?? this.keeper.svid?.trustBundle ?? ''}`, identity: controlPlane };
  }
}

function secretOf({ certificateChain, privateKey }: Svid): SecretConfig {
  return { kind: 'certificate', name: SVID, certificate: { chain: certificateChain, key: privateKey } };
}
