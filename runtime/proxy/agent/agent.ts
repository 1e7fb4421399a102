import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../../clock';
import { OperatorServer } from '../admin/http';
import { text, type Routes } from '../admin/types';
import type { GrpcClientDeps } from '../grpc-client';
import { WorkloadIdentity, type CertificateRequest, type Svid } from '../identity';
import type { Log } from '../observe/log';
import { CertificateFiles } from './certificate-files';
import type { AgentOptions } from './options';
import { Relay, type RelayIdentity } from './relay';
import { Roots } from './roots';
import { TrustFollower } from './trust-follower';

export interface AgentDeps extends GrpcClientDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly makeRequest: () => Promise<CertificateRequest>;
}

/** How often the mounted roots are looked at, in milliseconds: a root that is replaced is known before anybody shows a certificate of it. */
const ROOTS_INTERVAL = 5000;
/** Milliseconds after which programs have read files that were replaced: their bootstrap has them look every 10 s. */
export const NOTICED = 15_000;

/**
 * The mesh's part in a pod without a proxy: keeps its certificate in files, which a client of gRPC or an Envoy reads, and has it reach the control
 * plane. Requests never pass through it.
 */
export class Agent {
  private readonly identity: WorkloadIdentity;
  private readonly files: CertificateFiles;
  private readonly roots = new Roots();
  private follower: TrustFollower | undefined;
  private readonly relay: Relay | undefined;
  private health: OperatorServer | undefined;
  private timer: Timer | undefined;
  private written: string | undefined;
  private writtenAt = 0;
  private writing: Promise<Error | undefined> = Promise.resolve(undefined);
  private readonly noticing = new Set<() => void>();
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
    const { options: { healthAddress, relay }, deps: { transport, clock } } = this;
    const routes: Routes = new Map([
      ['/ready', {
        method: 'GET', help: 'whether there is a certificate', handle: () => (this.written === undefined ? text('no certificate yet\n', 503) : text('ready\n')),
      }],
      ['/healthz', { method: 'GET', help: 'whether the process answers', handle: () => text('ok\n') }],
    ]);
    this.health = await OperatorServer.listen({ transport, clock, ...healthAddress }, routes, false);
    this.healthPort = this.health.port;
    if (this.relay) this.relayPort = await this.relay.listen(relay!.listen);
    this.identity.start();
    this.watchRoots();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.follower?.close();
    for (const end of this.noticing) end();
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
    this.writing = this.writing.then(async () => this.write()).then(() => undefined, (error: Error) => {
      log.error('agent', 'the certificate cannot be written to its files', { folder: this.options.files, reason: error.message });
      return error;
    });
  }

  private async write(): Promise<void> {
    const { svid } = this.identity;
    if (!svid || this.closed) return;
    const trustBundle = await this.trusted(svid);
    const content = `${svid.certificateChain}\n${trustBundle}`;
    if (content === this.written) return;
    const first = this.written === undefined;
    await this.files.write({ ...svid, trustBundle });
    this.written = content;
    this.writtenAt = this.deps.clock.now();
    this.deps.log.info('agent', first ? 'ready' : 'certificate files replaced', { folder: this.options.files });
    // It is let in with a certificate only.
    if (first) this.follow();
  }

  private follow(): void {
    const { node, relay } = this.options;
    if (!node || !relay) return;
    this.follower = new TrustFollower({
      ...this.deps, node, to: relay.to,
      secure: async (host) => this.identity.tls(host),
      told: (bundle) => {
        this.roots.tell(bundle);
        this.update();
      },
      inForce: async () => this.noticed(),
    });
    this.follower.start();
  }

  /** Resolves when programs of the pod have read what is in the files; or with the reason why it is not there. */
  private async noticed(): Promise<Error | undefined> {
    const { clock } = this.deps;
    const failure = await this.writing;
    const wait = this.writtenAt + NOTICED - clock.now();
    if (failure || wait <= 0 || this.closed) return failure;
    await new Promise<void>((done) => {
      const end = () => {
        timer.cancel();
        this.noticing.delete(end);
        done();
      };
      const timer = clock.setTimer(wait, end);
      this.noticing.add(end);
    });
    return this.noticed();
  }

  private async shown(): Promise<RelayIdentity> {
    const { svid } = this.identity;
    if (!svid) throw new Error('there is no certificate yet');
    return { ...svid, roots: await this.trusted(svid) };
  }

  private async trusted({ trustBundle }: Svid): Promise<string> {
    this.roots.see('issued', trustBundle);
    this.roots.see('mounted', await readFile(this.options.identity.trustBundleFile, 'utf8').catch(() => ''));
    return this.roots.bundle;
  }
}
