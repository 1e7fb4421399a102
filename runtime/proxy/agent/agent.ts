import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../../clock';
import { OperatorServer, text, type Routes } from '../admin/http';
import type { GrpcClientDeps } from '../grpc-client';
import { WorkloadIdentity, type CertificateRequest, type Svid } from '../identity';
import type { Log } from '../observe/log';
import { CertificateFiles } from './certificate-files';
import type { AgentOptions } from './options';
import { Relay, type RelayIdentity } from './relay';

export interface AgentDeps extends GrpcClientDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly makeRequest: () => Promise<CertificateRequest>;
}

/** How often the mounted roots are looked at, in milliseconds: a root that is replaced is known before anybody shows a certificate of it. */
const ROOTS_INTERVAL = 5000;

/**
 * The mesh's part in a pod without a proxy: keeps its certificate in files, which a client of gRPC or an Envoy reads, and has it reach the control
 * plane. Requests never pass through it.
 */
export class Agent {
  private readonly identity: WorkloadIdentity;
  private readonly files: CertificateFiles;
  private readonly relay: Relay | undefined;
  private health: OperatorServer | undefined;
  private timer: Timer | undefined;
  private written: string | undefined;
  private writing = Promise.resolve();
  private closed = false;
  /** Ports that were bound; 0 before `start`. */
  healthPort = 0;
  relayPort = 0;

  constructor(private readonly options: AgentOptions, private readonly deps: AgentDeps) {
    this.files = new CertificateFiles(options.files);
    this.identity = new WorkloadIdentity({ ...deps, config: options.identity, controlPlane: options.controlPlane, changed: () => this.update() });
    this.relay = options.relay && new Relay({
      to: options.relay.to, controlPlane: options.controlPlane, identity: async () => this.shown(), log: deps.log,
    });
  }

  async start(): Promise<void> {
    const { healthAddress, relay } = this.options;
    const routes: Routes = new Map([
      ['/ready', {
        method: 'GET', help: 'whether there is a certificate', handle: () => (this.written === undefined ? text('no certificate yet\n', 503) : text('ready\n')),
      }],
      ['/healthz', { method: 'GET', help: 'whether the process answers', handle: () => text('ok\n') }],
    ]);
    this.health = await OperatorServer.listen(healthAddress.host, healthAddress.port, routes, false);
    this.healthPort = this.health.port;
    if (this.relay) this.relayPort = await this.relay.listen(relay!.listen);
    this.identity.start();
    this.watchRoots();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.identity.close();
    await this.relay?.close();
    await this.health?.close();
    await this.writing;
  }

  private watchRoots(): void {
    this.timer = this.deps.clock.setTimer(ROOTS_INTERVAL, () => {
      this.update();
      this.watchRoots();
    });
  }

  /** One after the other. */
  private update(): void {
    const { log } = this.deps;
    this.writing = this.writing.then(async () => this.write()).catch((error: Error) => {
      log.error('agent', 'the certificate cannot be written to its files', { folder: this.options.files, reason: error.message });
    });
  }

  private async write(): Promise<void> {
    const { svid } = this.identity;
    if (!svid || this.closed) return;
    const trustBundle = await this.roots(svid);
    const content = `${svid.certificateChain}\n${trustBundle}`;
    if (content === this.written) return;
    const first = this.written === undefined;
    await this.files.write({ ...svid, trustBundle });
    this.written = content;
    this.deps.log.info('agent', first ? 'ready' : 'certificate files replaced', { folder: this.options.files });
  }

  private async shown(): Promise<RelayIdentity> {
    const { svid } = this.identity;
    if (!svid) throw new Error('there is no certificate yet');
    return { ...svid, roots: await this.roots(svid) };
  }

  /** What came with the certificate, and what is mounted: of either the other may not know the newest yet. */
  private async roots({ trustBundle }: Svid): Promise<string> {
    const mounted = await readFile(this.options.identity.trustBundleFile, 'utf8').catch(() => '');
    const blocks = `${trustBundle}\n${mounted}`.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return `${[...new Set(blocks.map((block) => block.replaceAll('\r', '')))].join('\n')}\n`;
  }
}
