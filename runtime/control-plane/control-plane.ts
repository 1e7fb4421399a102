import { isAbsolute, relative, resolve as resolvePath } from 'node:path';
import { injectorName, type InjectionSettings } from '../../src/contract';
import type { Clock, Timer } from '../clock';
import { AdminServer, debugConfig, metricsText } from './admin';
import { AdsServer, type StreamAge } from './ads';
import { IdentityServer, type IdentityOptions } from './identity/identity-server';
import { trustNamespaces } from './identity/trust-namespaces';
import { trustProgress } from './identity/trust-progress';
import { injectingMesh, injectionSettings, Injector, WebhookBundle } from './injector';
import type { KubernetesApi } from './kubernetes';
import { silentLog, type Log } from './log';
import type { MeshModel } from './model';
import { fetchDocument, Issuers, type FetchDocument } from './openid';
import { issuersToAsk, resolve, type ObjectReport } from './resolve';
import { describeId, ResourceStore, type Documents, type ResourceSet, type Unreadable } from './resources';
import type { Source } from './source';
import { progress, StatusFile, statusReport, together, type SharedStatus, type StatusReport } from './status';

/** `host` is an IP address or a name; port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ControlPlaneOptions {
  readonly source: Source;
  readonly clock: Clock;
  /** 0 ≤ x < 1, for the times that replicas are to differ in; without it always the mean. */
  readonly random?: () => number;
  readonly log?: Log;
  /** What gives workloads their identities. Without it there is no encryption and no authorization: for tests. */
  readonly identity?: IdentityOptions;
  /** The admission webhook, of the Mesh in `namespace`; it needs an identity. */
  readonly injector?: { readonly address: ListenAddress; readonly namespace: string; readonly api: KubernetesApi };
  /** Where delta ADS is served. */
  readonly xdsAddress: ListenAddress;
  /** Where the admin server listens; without it there is none. */
  readonly adminAddress?: ListenAddress;
  /** File that the status is kept in; YAML, or JSON by its name. */
  readonly statusFile?: string;
  /** How old the stream of a proxy gets, where there are several replicas that proxies are to spread over. */
  readonly streamAge?: StreamAge;
  /** Gets what OpenID providers say of themselves. Over HTTP without it. */
  readonly fetchDocument?: FetchDocument;
  /** Where replicas share what they know, and where the status of all is written; without it this is the only one. */
  readonly shared?: SharedStatus;
}

/** Time in milliseconds for which changes of the status are collected before the file is written; and before others are told, which costs more. */
const STATUS_DEBOUNCE = 200;
const SHARED_DEBOUNCE = 1000;
/** Of certificates, while no mesh says how long they live. */
const DEFAULT_LIFETIME = 24 * 3_600_000;
/** Time in milliseconds that proxies have to go elsewhere when the control plane ends. */
const GRACE = 5000;

const EMPTY: MeshModel = Object.freeze({
  services: new Map(), backends: new Map(), endpoints: new Map(), regions: new Map(), guests: undefined, trust: undefined,
});

/**
 * Manifests to proxies: source → resources → model → xDS → ADS. It has no state that it could not make again from its source, so any number of
 * them may run side by side.
 */
export class ControlPlane {
  private readonly log: Log;
  private readonly store = new ResourceStore();
  private readonly ads: AdsServer;
  private readonly admin: AdminServer;
  private readonly identity: IdentityServer | undefined;
  private readonly issuers: Issuers;
  private readonly injector: Injector | undefined;
  private readonly webhook: WebhookBundle | undefined;
  private settings: InjectionSettings | undefined;
  /** Namespaces with a pod that got its sidecar here. */
  private readonly admitted = new Set<string>();
  private readonly statusFile: StatusFile | undefined;
  private readonly started: number;
  private readonly builds = { count: 0, seconds: 0, failures: 0 };
  private model: MeshModel | undefined;
  private objects: readonly ObjectReport[] = [];
  private unreadable: readonly Unreadable[] = [];
  private report: StatusReport | undefined;
  private statusTimer: Timer | undefined;
  private closing: Promise<void> | undefined;
  /** Ports that were bound; 0 before `start`. */
  xdsPort = 0;
  adminPort = 0;

  constructor(private readonly options: ControlPlaneOptions) {
    const { clock, source, log = silentLog, statusFile, streamAge } = options;
    this.log = log;
    this.started = clock.wallTime();
    this.ads = new AdsServer({ clock, log, changed: () => this.statusChanged(), streamAge, verifyPeers: options.identity !== undefined });
    this.identity = options.identity && new IdentityServer(options.identity, {
      clock, log, random: options.random ?? (() => 0.5), lifetime: () => this.lifetime(), trusted: () => this.rebuild(),
    });
    this.issuers = new Issuers({
      clock, log, random: options.random ?? (() => 0.5), fetch: options.fetchDocument ?? fetchDocument, changed: () => this.rebuild(),
    });
    if (this.identity && options.injector) {
      const { address, api, namespace } = options.injector;
      this.injector = new Injector({
        log, address, serving: this.identity.serving, settings: () => this.settings, injected: (where) => this.injectedInto(where),
      });
      this.webhook = new WebhookBundle({ api, clock, log, random: options.random ?? (() => 0.5), name: injectorName(namespace) });
    }
    this.statusFile = statusFile === undefined ? undefined
      : new StatusFile(statusFile, (error) => log.error('status', 'status file cannot be written', { file: statusFile, reason: error.message }));
    this.admin = new AdminServer({
      source: source.name,
      notReady: () => (this.xdsPort > 0 && !this.closing ? undefined : this.closing ? 'ending' : `waiting for ${this.identity?.waitingFor ?? source.waitingFor?.() ?? source.name}`),
      status: () => this.status(),
      metrics: () => this.metrics(),
      identity: () => this.trustProgress(),
      debugConfig: (query) => debugConfig(query, this.model ?? EMPTY, this.ads.connections()),
      failed: (error) => log.error('admin', 'a page failed', { reason: error.stack }),
    });
  }

  /** Port at which certificates are asked for; 0 without an authority. */
  get certificatePort(): number {
    return this.identity?.port ?? 0;
  }

  /** Port of the admission webhook; 0 without it. */
  get injectorPort(): number {
    return this.injector?.port ?? 0;
  }

  /** PEM of the roots that are trusted at this moment; undefined without an authority. */
  get trustBundle(): string | undefined {
    return this.identity?.trustBundle;
  }

  /** Resolves when the source is read and proxies are served. */
  async start(): Promise<void> {
    const { source, shared, xdsAddress, adminAddress } = this.options;
    this.checkStatusFile();
    // The admin server first: it says what the control plane is waiting for.
    if (adminAddress) this.adminPort = await this.admin.listen(adminAddress.host, adminAddress.port);
    source.subscribe((documents) => this.take(documents));
    await Promise.all([source.start(), this.identity?.start()]);
    if (this.closing) return;
    await this.injector?.listen();
    this.webhook?.start();
    shared?.start(() => this.statusChanged());
    this.xdsPort = await this.ads.listen(xdsAddress, this.identity?.serving.mutual);
    this.log.info('main', 'serving', {
      xds: formatAddress({ ...xdsAddress, port: this.xdsPort }),
      source: source.name,
      ...this.identity && { certificates: this.identity.port },
      ...adminAddress && { admin: formatAddress({ ...adminAddress, port: this.adminPort }) },
    });
  }

  /** What is known of every object and proxy, at this moment. */
  status(): StatusReport {
    const generations = new Map(this.objects.map(({ id, generation }) => [describeId(id), generation]));
    // An agent runs nothing of what objects become: it is told whom to trust.
    const connections = this.ads.connections().filter(({ peer }) => !peer.agent);
    const own = progress(this.model ?? EMPTY, connections);
    const { shared, source } = this.options;
    const connected = countBy(connections.map(({ peer }) => peer.service));
    const others = shared?.others() ?? [];
    this.report = statusReport({
      objects: this.objects,
      unreadable: this.unreadable,
      reached: together(own, others, generations),
      connections,
      pods: new Map([...source.pods?.() ?? []].map(([service, running]) => {
        const elsewhere = others.map((other) => other.get(proxiesOf(service))?.concerned ?? 0);
        return [service, { running, connected: elsewhere.reduce((sum, count) => sum + count, connected.get(service) ?? 0) }];
      })),
      previous: this.report,
      now: this.options.clock.wallTime(),
    });
    const trust = shared && this.trustProgress();
    // An object that is no longer there has no generation, and nobody asks for it.
    shared?.publish(new Map([
      ...trust ? [
        [trust.trust, { programmed: trust.proxies - trust.behind.length, concerned: trust.proxies, refusals: [], generation: 0 }] as const,
      ] : [],
      ...[...own].map(([object, reached]) => [object, { ...reached, generation: generations.get(object) ?? 0 }] as const),
      ...[...connected].map(([service, count]) => [proxiesOf(service), { programmed: 0, concerned: count, refusals: [], generation: 0 }] as const),
    ]), this.report);
    return this.report;
  }

  /** Proxies are sent elsewhere; requests that they are serving do not notice. */
  async close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  private async stop(): Promise<void> {
    await this.options.source.close();
    this.issuers.close();
    await this.webhook?.close();
    await this.injector?.close();
    await this.identity?.close();
    this.statusTimer?.cancel();
    // Before the proxies go: that they are gone is no news for a status.
    await this.options.shared?.close();
    await this.ads.close(GRACE);
    if (this.options.adminAddress) await this.admin.close();
    await this.statusFile?.close();
  }

  /** Undefined without an authority. */
  private trustProgress() {
    const { trustBundle } = this;
    return trustBundle === undefined ? undefined : trustProgress(trustBundle, this.ads.connections(), this.lifetime());
  }

  /** Of all meshes: who signs is one authority. */
  private lifetime(): number {
    const lifetimes = [...this.model?.services.values() ?? []].map(({ mesh }) => mesh.certificateLifetime);
    return lifetimes.length === 0 ? DEFAULT_LIFETIME : Math.min(...lifetimes);
  }

  private documents: Documents | undefined;

  /** The same documents, under another trust. */
  private rebuild(): void {
    if (this.documents) this.take(this.documents);
  }

  private take(documents: Documents): void {
    this.documents = documents;
    const { clock } = this.options;
    const begin = clock.now();
    this.builds.count += 1;
    try {
      const set = this.store.update(documents);
      this.issuers.ask(issuersToAsk([...set.resources.MeshService.values()].map(({ value: { spec } }) => spec)));
      const { model, objects } = resolve(set, this.model, {
        security: this.identity ? 'certificates' : 'none', trustBundle: this.identity?.trustBundle, issuers: this.issuers.known,
      });
      this.objects = objects;
      this.unreadable = set.unreadable;
      this.model = model;
      this.logProblems();
      this.ads.update(model);
      this.trust(set, model);
    } catch (error) {
      // Whatever the documents hold, the mesh that was there goes on.
      this.builds.failures += 1;
      this.log.error('main', 'the mesh could not be made from its resources; the one before stays', { reason: (error as Error).stack });
    }
    this.builds.seconds += (clock.now() - begin) / 1000;
    this.statusChanged();
  }

  /** What proves who is who, to where pods of the mesh are: those of services, and those that ask for a sidecar. */
  private trust(set: ResourceSet, model: MeshModel): void {
    const mesh = this.options.injector && injectingMesh(set, this.options.injector.namespace);
    this.settings = mesh && injectionSettings(mesh);
    const injected = this.settings ? [...this.documents?.injected ?? [], ...this.admitted] : [];
    if (this.options.identity) this.identity?.publish(trustNamespaces(model, injected, this.options.identity.trustDomain));
    if (this.identity?.trustBundle !== undefined) this.webhook?.update(this.identity.trustBundle);
  }

  private injectedInto(namespace: string): void {
    if (this.admitted.has(namespace)) return;
    this.admitted.add(namespace);
    this.rebuild();
  }

  private readonly logged = new Set<string>();

  /** Each problem once, for as long as it is there. */
  private logProblems(): void {
    const problems = [
      ...this.unreadable.map(({ location, message }) => `${location}: ${message}`),
      ...this.objects.flatMap(({ id, location, accepted, resolvedRefs }) => [...accepted.messages, ...resolvedRefs.messages]
        .map((message) => `${location}: ${id.kind} ${id.namespace}/${id.name}: ${message}`)),
    ];
    for (const problem of problems) if (!this.logged.has(problem)) this.log.warning('resources', problem);
    this.logged.clear();
    for (const problem of problems) this.logged.add(problem);
  }

  private statusChanged(): void {
    const { clock, shared } = this.options;
    if ((!this.statusFile && !shared) || this.statusTimer || this.closing) return;
    this.statusTimer = clock.setTimer(this.statusFile ? STATUS_DEBOUNCE : SHARED_DEBOUNCE, () => {
      this.statusTimer = undefined;
      const report = this.status();
      this.statusFile?.write(report);
    });
  }

  private metrics(): string {
    const { user, system } = process.cpuUsage();
    return metricsText({
      ready: this.xdsPort > 0 && !this.closing,
      ads: this.ads.stats,
      report: this.status(),
      shared: this.options.shared,
      builds: this.builds,
      process: { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6, startTime: this.started / 1000 },
    });
  }

  /** A status file among the manifests would be read as one, and every reading would write it again. */
  private checkStatusFile(): void {
    const { statusFile, source } = this.options;
    if (statusFile === undefined) return;
    for (const folder of source.name.split(', ').filter((name) => name.startsWith('folder:')).map((name) => name.slice('folder:'.length))) {
      const path = relative(folder, resolvePath(statusFile));
      if (path !== '' && !path.startsWith('..') && !isAbsolute(path) && !path.split(/[\\/]/).some((part) => part.startsWith('.'))) {
        throw new Error(`status file ${statusFile} lies among the manifests of ${folder}; choose a place outside of it`);
      }
    }
  }
}

/** What replicas tell each other of how many proxies a service has, beside its objects. */
function proxiesOf(service: string): string {
  return `Proxies ${service}`;
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** A control plane that serves. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const controlPlane = new ControlPlane(options);
  try {
    await controlPlane.start();
  } catch (error) {
    await controlPlane.close();
    throw error;
  }
  return controlPlane;
}

export function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
