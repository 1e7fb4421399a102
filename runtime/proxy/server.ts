import type { Clock } from '../clock';
import { adminRoutes, healthRoutes, OperatorServer, type Operated, type OperatorSettings, type Routes } from './admin';
import type { AdsClient } from './ads';
import { appProbeRoutes } from './app-probes';
import { Applier } from './applier';
import { type CommandLine } from './bootstrap/command-line';
import { loadBootstrap } from './bootstrap/load';
import { BootstrapError, type BootstrapConfig } from './bootstrap/types';
import type { DecodedCluster } from './config/decode';
import { DnsEndpoints, type Resolver } from './config/dns';
import { SnapshotFile } from './config/snapshot-file';
import { ConfigStore } from './config/store';
import { systemResolver } from './config/system-resolver';
import type { ProxySnapshot } from './config/types';
import { LocalDataPlane } from './data-plane/local';
import type { DataPlane } from './data-plane/types';
import type { GrpcClientDeps } from './grpc-client';
import type { CertificateRequest, WorkloadIdentity } from './identity';
import { collectAds } from './observe/ads-metrics';
import { Families } from './observe/families';
import { Faults } from './observe/faults';
import { createLog, type Log, type LogLevel } from './observe/log';
import { ProcessMetrics } from './observe/process-metrics';
import type { OverloadConfig } from './overload/types';
import type { Proxy } from './proxy';
import { Readiness } from './readiness';
import { chooseTransport, type ClientTls, type Transport } from './transport';
import { VERSION } from './version';

/** Part of the drain time during which new connections are still served, for callers that have not heard yet; at most GRACE milliseconds. Both unless told otherwise. */
const GRACE_PART = 1 / 3;
const GRACE = 5_000;

/** What the proxy is given of the outside. */
export interface ServerDeps {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** To standard error by default. */
  readonly log?: Log;
  readonly transport?: Transport;
  readonly resolver?: Resolver;
  /** Makes keys and the requests for their certificates; in a process of its own by default. */
  readonly makeRequest?: () => Promise<CertificateRequest>;
  /** Called when an operator asked for the end (`/quitquitquit`). */
  readonly quit?: () => void;
  /** Called once, when what was to be had at the start is in force. */
  readonly configured?: () => void;
  /** Makes the data plane of `--concurrency` above 1. */
  readonly workers?: (settings: WorkerSettings) => Promise<DataPlane>;
}

/** What a data plane of several workers is made with. */
export interface WorkerSettings {
  readonly workers: number;
  readonly transport: Transport['name'];
  readonly overload: OverloadConfig | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly logLevel: LogLevel;
}

/** A whole proxy: bootstrap, configuration, data path, admin and metrics, each made here and owned by this. */
export class ProxyServer {
  readonly store: ConfigStore;
  private readonly applier: Applier;
  private readonly readiness: Readiness;
  private readonly metrics: ProcessMetrics;
  private readonly faults: Faults;
  private readonly dns = new Map<string, DnsEndpoints>();
  private snapshotFile: SnapshotFile | undefined;
  private ads: AdsClient | undefined;
  private identity: WorkloadIdentity | undefined;
  private adminServer: OperatorServer | undefined;
  private healthServer: OperatorServer | undefined;
  private inForce: ProxySnapshot | undefined;
  private restored = false;
  private configured = false;
  private ending: Promise<void> | undefined;

  private constructor(
    private readonly commandLine: CommandLine,
    private readonly bootstrap: BootstrapConfig,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly transport: Transport,
    private readonly plane: DataPlane,
    private readonly deps: ServerDeps,
  ) {
    this.faults = new Faults(clock, log);
    this.metrics = new ProcessMetrics(clock, { version: VERSION, transport: transport.name });
    this.applier = new Applier(plane, clock, (snapshot) => this.onApplied(snapshot), (error) => {
      log.error('config', 'configuration could not be put in force; the one before goes on', { problem: error.message });
    });
    this.store = new ConfigStore({
      onSnapshot: (snapshot) => this.onSnapshot(snapshot),
      onDns: (name, cluster) => this.onDns(name, cluster),
    });
    this.readiness = new Readiness({
      applied: () => this.inForce !== undefined && this.inForce === this.store.snapshot,
      answered: () => !bootstrap.ads || this.restored || (this.ads?.initialized ?? false),
      warming: () => {
        const { listeners, clusters } = this.store.warming();
        const named = (kind: string, names: readonly string[]) => names.map((name) => `${kind} ${name}`);
        return [...named('secret', this.store.missingSecrets()), ...named('listener', listeners), ...named('cluster', clusters)];
      },
    }, clock);
  }

  /**
   * Starts in order: bootstrap, admin, what is static or saved, listeners, ADS. Resolves when the listeners that are known are up.
   * @throws BootstrapError for a bootstrap that is wrong, or addresses that cannot be bound.
   */
  static async start(commandLine: CommandLine, deps: ServerDeps): Promise<ProxyServer> {
    const { clock } = deps;
    const log = deps.log ?? createLog(clock, commandLine.logLevel);
    const bootstrap = await loadBootstrap(commandLine);
    const { transport, reason } = deps.transport ? { transport: deps.transport, reason: undefined } : await chooseTransport(clock);
    if (reason !== undefined) log.warning('transport', 'raw handles failed their self-test; the portable transport serves', { reason });
    let server: ProxyServer | undefined;
    try {
      server = new ProxyServer(commandLine, bootstrap, clock, log, transport, await makePlane(commandLine, bootstrap, transport, log, deps), deps);
      await server.begin();
    } catch (error) {
      await server?.close();
      throw error instanceof BootstrapError ? error : new BootstrapError(commandLine.configPath ?? '--config-yaml', [(error as Error).message]);
    }
    return server;
  }

  /** The data path, where it is in this thread. */
  get proxy(): Proxy {
    if (!(this.plane instanceof LocalDataPlane)) throw new Error('the data path is in workers');
    return this.plane.proxy;
  }

  get adminPort(): number | undefined {
    return this.adminServer?.port;
  }

  get healthPort(): number | undefined {
    return this.healthServer?.port;
  }

  /** Whether traffic should come. */
  get ready(): boolean {
    return this.readiness.state === 'LIVE';
  }

  private async begin(): Promise<void> {
    const { bootstrap, commandLine, store } = this;
    await this.openOperatorServers();
    store.addStatic(bootstrap.listeners, bootstrap.clusters, bootstrap.secrets);
    if (bootstrap.ads && commandLine.snapshotPath !== undefined) this.restore(commandLine.snapshotPath);
    const first = store.snapshot;
    if (first.listeners.size > 0) {
      // Not through the applier: a static listener that cannot be bound is the end.
      await this.plane.apply(first);
      this.applier.began(first);
      this.onApplied(first);
    } else {
      this.inForce = first;
    }
    if (store.snapshot !== first) this.onSnapshot(store.snapshot);
    this.lookWhetherConfigured();
    if (bootstrap.ads?.identity !== undefined) await this.startIdentity(bootstrap.ads, bootstrap.ads.identity);
    else if (bootstrap.ads) await this.startAds(bootstrap.ads);
    this.log.info('main', 'started', {
      version: VERSION, transport: this.transport.name, admin: this.adminPort, health: this.healthPort,
      listeners: this.plane.listeners, concurrency: commandLine.concurrency,
    });
  }

  /** Whoever has no certificate is told nothing: the control plane is asked for configuration once there is one. */
  private async startIdentity(ads: NonNullable<BootstrapConfig['ads']>, controlPlane: string): Promise<void> {
    const { commandLine: { identity: config }, log } = this;
    if (config === undefined) throw new Error('the cluster of the control plane has a transport_socket: --identity-token, --identity-trust-bundle and --certificate-address are required');
    const { requestInProcess, TRUST_BUNDLE: bundleName, WorkloadIdentity: Identity } = await import('./identity');
    const identity: WorkloadIdentity = this.identity = new Identity({
      ...this.toControlPlane(), config, controlPlane, log, makeRequest: this.deps.makeRequest ?? requestInProcess,
      told: () => {
        const secret = this.store.snapshot.secrets.get(bundleName);
        return secret?.kind === 'validation' ? secret.validation.trustedCa : undefined;
      },
      changed: (secret) => {
        this.store.setSecret(secret);
        if (!this.ads && !this.ending) void this.startAds(ads, async (host) => identity.tls(host));
      },
    });
    identity.start();
  }

  private toControlPlane(): GrpcClientDeps {
    const { transport, clock, deps: { random, resolver = systemResolver } } = this;
    return { transport, clock, random, resolve: async (name) => resolver.resolve(name, 'all') };
  }

  private async startAds(config: NonNullable<BootstrapConfig['ads']>, secure?: (host: string) => Promise<ClientTls>): Promise<void> {
    // Only who is told its configuration pays for it.
    const { AdsClient: Client, grpcStreams } = await import('./ads');
    this.ads = new Client({
      config,
      node: this.bootstrap.node,
      store: this.store,
      clock: this.clock,
      random: this.deps.random,
      open: grpcStreams(config, this.toControlPlane(), secure),
      log: this.log,
      accepted: () => this.snapshotFile?.changed(),
      inForce: async () => {
        const failure = await this.applier.settled();
        this.lookWhetherConfigured();
        return failure;
      },
    });
    this.ads.start();
  }

  private restore(path: string): void {
    const file = new SnapshotFile(path, this.bootstrap.node.id, this.store, this.clock, (error) => {
      this.log.error('config', 'snapshot cannot be written', { path, problem: error.message });
    });
    this.snapshotFile = file;
    const loaded = file.load();
    if (!loaded) return;
    if (loaded.problem !== undefined) {
      this.log.warning('config', 'snapshot is of no use and ignored', { path, problem: loaded.problem });
      return;
    }
    for (const update of loaded.updates) {
      for (const { name, problems } of this.store.update(update)) this.log.warning('config', 'resource of the snapshot refused', { resource: name, problems });
    }
    this.restored = this.store.snapshot.listeners.size > 0;
    this.log.info('config', 'started from the snapshot', { path, savedAt: loaded.savedAt });
  }

  private onSnapshot(snapshot: ProxySnapshot): void {
    // The first is put in force by `begin`.
    if (this.inForce) this.applier.submit(snapshot);
  }

  private lookWhetherConfigured(): void {
    if (this.configured || !this.ready) return;
    this.configured = true;
    this.deps.configured?.();
  }

  private onApplied(snapshot: ProxySnapshot): void {
    this.inForce = snapshot;
    this.lookWhetherConfigured();
    void this.plane.report().then(({ problems }) => {
      for (const [path, problem] of problems) this.log.error('access-log', 'cannot be written', { path, problem });
    });
  }

  private onDns(name: string, cluster: DecodedCluster | undefined): void {
    this.dns.get(name)?.close();
    this.dns.delete(name);
    if (!cluster?.dns || !cluster.endpoints) return;
    const resolver = new DnsEndpoints(cluster.endpoints, cluster.dns, this.clock, this.deps.resolver ?? systemResolver,
      (endpoints) => this.store.setResolved(name, endpoints),
      (host, error) => this.log.warning('dns', 'name cannot be resolved', { cluster: name, host, problem: error.message }));
    this.dns.set(name, resolver);
    void resolver.start();
  }

  private async openOperatorServers(): Promise<void> {
    const { admin } = this.bootstrap;
    const { healthAddress } = this.commandLine;
    const operated = this.operated();
    const { clock, transport, bootstrap: { node: { metadata } } } = this;
    if (admin) this.adminServer = await listen('admin', { transport, clock, ...admin }, adminRoutes(operated), true);
    if (!healthAddress) return;
    const { loopback = '127.0.0.1', podIp = loopback } = (metadata ?? {}) as { readonly loopback?: string; readonly podIp?: string };
    const probes = appProbeRoutes(this.commandLine.appProbes, { clock, transport, address: loopback, host: podIp });
    this.healthServer = await listen('--health-address', { transport, clock, ...healthAddress }, new Map([...healthRoutes(operated), ...probes]), false);
  }

  private operated(): Operated {
    const { commandLine, readiness, plane } = this;
    return {
      bootstrap: this.bootstrap,
      store: this.store,
      version: VERSION,
      transport: this.transport.name,
      // The configuration on it is shown by /config_dump, without its secrets; headers of probes may have some.
      commandLine: { ...commandLine, configYaml: undefined, appProbes: [...commandLine.appProbes.keys()] },
      uptime: () => this.metrics.uptime,
      wallTime: () => this.clock.wallTime(),
      state: () => readiness.state,
      waitingFor: () => readiness.waitingFor(),
      clusters: async () => (await plane.report()).clusters,
      connections: async () => plane.connections(),
      listeners: () => plane.listeners,
      metrics: async () => this.collect(),
      controlPlane: () => this.ads && { address: this.ads.address, connected: this.ads.stats.connected === 1 },
      drain: () => {
        readiness.drain();
        void plane.drain(commandLine.drainTime);
      },
      failHealthcheck: (fails) => readiness.failHealthcheck(fails),
      reopenLogs: () => plane.reopenLogs(),
      quit: () => this.deps.quit?.(),
    };
  }

  private async collect(): Promise<Families> {
    const families = new Families();
    families.mergeFrom((await this.plane.report()).families);
    if (this.ads) collectAds(this.ads.stats, families);
    this.faults.collect(families);
    this.metrics.collect(families, this.ready);
    return families;
  }

  /** An exception that nobody caught: it is counted and logged, and the proxy goes on. */
  fault(error: unknown): void {
    this.faults.record('process', error);
  }

  /** Resolves when all configuration that has come so far is in force, or could not be put in force. */
  async settled(): Promise<void> {
    await this.applier.settled();
  }

  /** Opens the files of access logs anew. */
  reopenLogs(): void {
    this.plane.reopenLogs();
  }

  /** Takes readiness away, lets what is under way end, and closes; within the drain time. */
  async shutdown(): Promise<void> {
    this.ending ??= this.drainAndClose();
    return this.ending;
  }

  private async drainAndClose(): Promise<void> {
    const { drainTime, drainGrace = Math.min(GRACE, drainTime * GRACE_PART) } = this.commandLine;
    this.readiness.drain();
    this.log.info('main', 'draining', { drainMs: drainTime });
    if (drainGrace > 0) {
      void this.plane.drain(drainTime);
      await new Promise<void>((resolve) => this.clock.setTimer(drainGrace, resolve));
    }
    await this.plane.drain(drainTime - drainGrace);
    await this.close();
  }

  /** Ends everything now. */
  async close(): Promise<void> {
    this.applier.close();
    this.readiness.close();
    this.identity?.close();
    this.ads?.close();
    for (const resolver of this.dns.values()) resolver.close();
    await this.plane.close();
    await this.adminServer?.close();
    await this.healthServer?.close();
    await this.snapshotFile?.close();
    this.metrics.close();
  }
}

async function makePlane(
  { concurrency, logLevel }: CommandLine, { overload }: BootstrapConfig, transport: Transport, log: Log, { clock, random, workers }: ServerDeps,
): Promise<DataPlane> {
  if (concurrency === 1) return new LocalDataPlane({ clock, random, transport, overload, log });
  if (!workers) throw new Error(`--concurrency: ${concurrency} is not possible here: 1`);
  return workers({ workers: concurrency, transport: transport.name, overload, clock, log, logLevel });
}

async function listen(what: string, settings: OperatorSettings, routes: Routes, guarded: boolean): Promise<OperatorServer> {
  try {
    return await OperatorServer.listen(settings, routes, guarded);
  } catch (error) {
    throw new Error(`${what}: cannot listen on ${settings.host}:${settings.port}: ${(error as Error).message}`, { cause: error });
  }
}

