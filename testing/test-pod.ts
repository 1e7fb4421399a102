import type { VirtualClock } from '../runtime/clock/virtual';
import type { XdsResources } from '../runtime/control-plane';
import type { PodSpec } from '../runtime/local/types';
import type { DecodedCluster } from '../runtime/proxy/config/decode';
import { DnsEndpoints, type Resolver } from '../runtime/proxy/config/dns';
import { ConfigStore, type DiscoveredType } from '../runtime/proxy/config/store';
import type { Observer } from '../runtime/proxy/observe/types';
import { Proxy } from '../runtime/proxy/proxy';
import type { Transport } from '../runtime/proxy/transport';
import { packAny, TypeUrl, ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, type Schema } from '../runtime/xds';
import type { Message } from './http1';
import { StubServer, type Stub } from './stub-service';
import type { TcpStub } from './tcp';

/** What names of listeners begin with at which services of bytes are reached. */
const BYTES = 'outbound:';

export interface PodDependencies {
  readonly clock: VirtualClock;
  readonly transport: Transport;
  readonly random: () => number;
  readonly observer: Observer;
  readonly resolver: Resolver;
  readonly answer: (message: Message) => ReturnType<Stub>;
  /** What takes connections, where the service carries bytes. */
  readonly bytes: () => TcpStub | undefined;
}

/** A pod: the real proxy, and an application that a function plays. */
export class TestPod {
  proxy: Proxy;
  private store = this.newStore();
  private readonly dns = new Map<string, DnsEndpoints>();
  /** First questions for names that are under way. */
  private asked: Promise<void>[] = [];
  private stub: StubServer;
  running = false;
  private resources: XdsResources | undefined;

  constructor(readonly spec: PodSpec, private readonly deps: PodDependencies) {
    this.proxy = new Proxy(deps);
    this.stub = new StubServer(deps);
  }

  /** Puts what the control plane says in force. @throws with what the proxy does not accept */
  async configure(resources: XdsResources): Promise<void> {
    this.resources = resources;
    if (!this.running) return;
    const problems = [
      ...this.update(TypeUrl.CDS, ClusterSchema, resources.clusters),
      ...this.update(TypeUrl.EDS, ClusterLoadAssignmentSchema, resources.endpoints, 'clusterName'),
      ...this.update(TypeUrl.LDS, ListenerSchema, resources.listeners),
      ...this.update(TypeUrl.RDS, RouteConfigurationSchema, resources.routes),
    ];
    await Promise.all(this.asked.splice(0));
    if (problems.length > 0) throw new Error(`${this.spec.name}: its proxy refuses what the control plane sends:\n${problems.join('\n')}`);
    await this.proxy.apply(this.store.snapshot);
  }

  /** Ports of the pod's loopback at which its application reaches services of bytes, by the name of the listener. */
  localPorts(): Map<string, number> {
    const ports = new Map<string, number>();
    for (const { name, address } of this.resources?.listeners ?? []) {
      const socket = address?.address.case === 'socketAddress' ? address.address.value : undefined;
      if (name.startsWith(BYTES) && socket?.portSpecifier.case === 'portValue') ports.set(name.slice(BYTES.length), socket.portSpecifier.value);
    }
    return ports;
  }

  async start(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (const port of this.spec.appPorts) await this.stub.listen(this.spec.address, port);
    if (this.resources) await this.configure(this.resources);
  }

  /** Both processes die at once: connections break, new ones are refused. Started again they begin anew. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    await this.stub.close();
    await this.proxy.close();
    for (const resolver of this.dns.values()) resolver.close();
    this.dns.clear();
    this.proxy = new Proxy(this.deps);
    this.store = this.newStore();
  }

  private newStore(): ConfigStore {
    return new ConfigStore({ onSnapshot: () => {}, onDns: (name, cluster) => this.onDns(name, cluster) });
  }

  /** As the server does it: names are asked for again and again, and what they lead to is put in force. */
  private onDns(name: string, cluster: DecodedCluster | undefined): void {
    this.dns.get(name)?.close();
    this.dns.delete(name);
    if (!cluster?.dns || !cluster.endpoints) return;
    const { clock, resolver } = this.deps;
    let first = true;
    const dns = new DnsEndpoints(cluster.endpoints, cluster.dns, clock, resolver, (endpoints) => {
      this.store.setResolved(name, endpoints);
      if (!first) void this.proxy.apply(this.store.snapshot);
    }, () => {});
    this.dns.set(name, dns);
    this.asked.push(dns.start().then(() => { first = false; }));
  }

  private update<S extends Schema>(type: DiscoveredType, schema: S, messages: readonly unknown[], nameField = 'name'): string[] {
    const wanted = messages.map((message) => ({
      name: (message as Record<string, string>)[nameField]!, version: '', resource: packAny(schema, message as never),
    }));
    const names = new Set(wanted.map(({ name }) => name));
    const removed = this.store.resources(type).map(({ name }) => name).filter((name) => !names.has(name));
    return this.store.update({ type, resources: wanted, removed }).map(({ name, problems }) => `${name}: ${problems.join('; ')}`);
  }
}

