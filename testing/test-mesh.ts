import { parse } from 'yaml';
import { VirtualClock } from '../runtime/clock/virtual';
import { issuersToAsk, proxyNode, readResources, resolve, xdsResources, type MeshModel, type RawDocument } from '../runtime/control-plane';
import { AddressBlock } from '../runtime/local/addresses';
import { endpointSlices } from '../runtime/local/endpoint-slices';
import type { KubeObject, PodSpec, PodState } from '../runtime/local/types';
import { desiredWorkloads } from '../runtime/local/workloads';
import { encoderProgress } from '../runtime/proxy/filter/body/encoder';
import type { Transport } from '../runtime/proxy/transport';
import { INBOUND_PORT, OUTBOUND_PORT } from '../src/contract/ports';
import { exchange, type RequestOptions, type TestResponse } from './client';
import { callHeaders, framed, grpcAnswer, grpcStub, type GrpcAnswer, type GrpcOptions } from './grpc';
import type { Message } from './http1';
import { keysOf } from './issuers';
import { imagesOf, objectsOf, type MeshSource } from './manifests';
import { GuardedTransport, memoryNetwork, socketNetwork, type Network } from './network';
import { Outsiders, type Outsider } from './outsiders';
import { seededRandom } from './random';
import { entryOf, type PodView, type RequestEntry } from './request-entry';
import type { AnyStub, Stub, StubRequest } from './stub-service';
import { ECHO, TcpStub, TestConnection } from './tcp';
import { TestPod } from './test-pod';

export interface TestMeshOptions {
  /**
   * What plays the application of a service, of one version of it (`payment/v2`), or what is outside of the mesh. Others answer 200, or OK in gRPC, with their service, version and
   * pod; services of bytes send back what comes.
   */
  readonly services?: Readonly<Record<string, AnyStub>>;
  /**
   * `memory` by default: fast, and the same in every run. It vouches for who connects in place of certificates: plain text is refused, and calls that
   * nobody declares are denied, as in a cluster. `sockets` are real ones, on loopback addresses; who connects is not known there, and nothing is denied.
   */
  readonly network?: 'memory' | 'sockets';
  /**
   * What plays hosts outside of the mesh, by name, `login.example` or `login.example:8443`: where services fetch the keys of tokens. In memory only, where https is
   * answered as http is. Requests that they got are `received(name)`.
   */
  readonly outside?: Readonly<Record<string, Stub>>;
  /** Loopback block of the pods; 127.77.0.0/16 by default. */
  readonly addresses?: string;
  /** Of everything that is left to chance: balancers, weights, jitter. 1 by default. */
  readonly seed?: number;
}

/** Virtual milliseconds after which a request that still waits is a mistake of the test. */
const LONGEST_WAIT = 3_600_000;

/** See `index.ts`. Everything happens in the order and at the virtual time in which it would happen in a cluster. */
export class TestMesh {
  /** @throws what synth finds, what the control plane rejects, what a proxy does not accept */
  static async of(source: MeshSource, options: TestMeshOptions = {}): Promise<TestMesh> {
    const mesh = new TestMesh(options);
    await mesh.update(source);
    return mesh;
  }

  readonly clock = new VirtualClock();
  /** Every request that a proxy has ended, in the order of their ends. */
  readonly records: RequestEntry[] = [];
  /** Every connection of bytes that a proxy has ended; what only requests have is empty. */
  readonly connections: RequestEntry[] = [];
  private readonly stubs: Map<string, AnyStub>;
  private readonly arrivals: StubRequest[] = [];
  private readonly pods_ = new Map<string, TestPod>();
  private readonly unready = new Set<string>();
  private readonly network: Network;
  private readonly addresses: AddressBlock;
  private readonly random: () => number;
  private objects: readonly KubeObject[] = [];
  private services: MeshModel['services'] = new Map();
  private readonly outsiders: Outsiders;

  private constructor(options: TestMeshOptions) {
    this.stubs = new Map(Object.entries({ ...options.services, ...options.outside }));
    this.network = options.network === 'sockets' ? socketNetwork() : memoryNetwork();
    this.addresses = AddressBlock.parse(options.addresses ?? '127.77.0.0/16');
    this.random = seededRandom(options.seed ?? 1);
    this.outsiders = new Outsiders({
      hosts: Object.keys(options.outside ?? {}),
      addresses: this.addresses,
      server: (outsider) => this.outsider(outsider),
      // A real server has a certificate, and perhaps a port that not everybody may listen at: a test that uses sockets brings its own.
      played: options.network !== 'sockets',
    });
  }

  /** Replaces the manifests, as an apply to a cluster would. Pods that stay keep their state; pods that go end at once. */
  async update(source: MeshSource): Promise<void> {
    this.objects = objectsOf(source);
    const images = Object.fromEntries(imagesOf(this.objects).map((image) => [image, { command: ['function'] }]));
    const installation = { node: 'node', proxy: '', controlPlane: '', sources: [], state: '' };
    const { workloads, problems } = desiredWorkloads(this.objects, { images, folder: '' }, this.addresses, installation);
    if (problems.length > 0) throw new Error(problems.map(({ where, message }) => `${where}: ${message}`).join('\n'));
    const wanted = new Map(workloads.flatMap(({ pods }) => pods).filter(({ service }) => service !== undefined).map((pod) => [pod.name, pod]));
    for (const [name, pod] of this.pods_) {
      if (wanted.has(name)) continue;
      this.pods_.delete(name);
      await pod.stop();
      this.addresses.release(`${pod.spec.namespace}/${name}`);
    }
    const created: TestPod[] = [];
    for (const [name, spec] of wanted) {
      if (this.pods_.has(name)) continue;
      const pod = this.createPod(spec);
      this.pods_.set(name, pod);
      created.push(pod);
    }
    await this.outsiders.update(this.objects);
    await this.publish();
    for (const pod of created) await pod.start();
    await this.settle();
  }

  /**
   * What the DNS says from now on of a host outside of the mesh; null: that there is no such name. By itself each has an address, at which a stub
   * serves.
   */
  resolve(hostname: string, addresses: readonly string[] | null): void {
    this.outsiders.say(hostname, addresses);
  }

  /** Where a stub serves what is outside of the mesh, and where its name leads if nobody says otherwise. */
  outsideAddress(hostname: string): string {
    return this.outsiders.addressOf(hostname);
  }

  /** What plays an application from now on. */
  stub(service: string, stub: AnyStub): void {
    this.stubs.set(service, stub);
  }

  /** The pods of a service, or all. */
  pods(service?: string): readonly PodView[] {
    const specs = [...this.pods_.values()].map(({ spec }) => spec);
    return specs.filter((spec) => service === undefined || spec.service === service).map(viewOf);
  }

  /** Requests that applications got. */
  received(service: string, version?: string): readonly StubRequest[] {
    return this.arrivals.filter((request) => request.service === service && (version === undefined || request.version === version));
  }

  /** Sends a request, and lets time go on as far as the answer needs it. `from` is a service (its first pod) or a pod. */
  async request(from: string, url: string, options: RequestOptions = {}): Promise<TestResponse> {
    return this.wait(this.send(from, url, options));
  }

  /** Sends a request; time stands until `advance`. */
  async send(from: string, url: string, options: RequestOptions = {}): Promise<TestResponse> {
    const { spec } = this.pod(from);
    return exchange(this.network.transport(spec.address), spec.address, OUTBOUND_PORT, new URL(url), options, () => this.clock.now());
  }

  /** Calls a method of gRPC, `http://quotes/shop.v1.Quotes/Get`, and lets time go on as far as the answer needs it. */
  async grpc(from: string, url: string, options: GrpcOptions = {}): Promise<GrpcAnswer> {
    return this.wait(this.sendGrpc(from, url, options));
  }

  /** Calls a method of gRPC; time stands until `advance`. */
  async sendGrpc(from: string, url: string, options: GrpcOptions = {}): Promise<GrpcAnswer> {
    const { messages = [new Uint8Array()] } = options;
    return grpcAnswer(await this.send(from, url, { protocol: 'http2', method: 'POST', headers: callHeaders(options), body: framed(messages) }));
  }

  /** Connects to a service of bytes that `from` calls, as its application does: at the port of its loopback. Nothing happens until `settle` or `wait`. */
  connect(from: string, upstream: string): TestConnection {
    const pod = this.pod(from);
    const ports = pod.localPorts();
    const [, port] = [...ports].find(([name]) => name.startsWith(`${upstream}.`) || name === upstream) ?? [];
    if (port === undefined) throw new Error(`${from} calls no service of bytes ${upstream}; it calls ${[...ports.keys()].join(', ') || 'none'}`);
    return TestConnection.to(this.network.transport(pod.spec.address), pod.spec.address, port);
  }

  /**
   * Sends a request to a pod's own proxy; no policy of a caller applies. `as`: the service whose identity it has, or a SPIFFE ID; without it it is in
   * plain text, which strict encryption refuses. Time stands until `advance`.
   */
  async sendTo(pod: string, path: string, { as, ...options }: RequestOptions & { readonly as?: string } = {}): Promise<TestResponse> {
    const { spec } = this.pod(pod);
    const url = new URL(path, `http://${spec.service}`);
    return exchange(this.transportAs(spec, as), spec.address, INBOUND_PORT, url, options, () => this.clock.now());
  }

  /** Connects to a pod's own proxy, as `sendTo`: to a service of bytes. Nothing happens until `settle` or `wait`. */
  connectTo(pod: string, { as }: { readonly as?: string } = {}): TestConnection {
    const { spec } = this.pod(pod);
    return TestConnection.to(this.transportAs(spec, as), spec.address, INBOUND_PORT);
  }

  private transportAs({ address }: PodSpec, as: string | undefined): Transport {
    const identity = as === undefined || as.includes(':') ? as : this.identityOf(this.pod(as).spec);
    return this.network.transport(address, () => identity);
  }

  /** Lets time go on, timer by timer, until the promise is settled. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const settled = promise.finally(() => { over = true; });
    settled.catch(() => {});
    const begun = this.clock.now();
    for (;;) {
      await this.settle();
      if (over) return settled;
      const next = this.clock.untilNext();
      if (next === undefined) throw new Error('nothing more will happen, and the request has no answer');
      if (this.clock.now() + next - begun > LONGEST_WAIT) throw new Error(`no answer after ${LONGEST_WAIT} virtual milliseconds`);
      this.clock.advance(next);
    }
  }

  /** Lets `milliseconds` pass; what follows from a timer follows at its time. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.clock.now() + milliseconds;
    await this.settle();
    for (let next = this.clock.untilNext(); next !== undefined && this.clock.now() + next <= until; next = this.clock.untilNext()) {
      this.clock.advance(next);
      await this.settle();
    }
    this.clock.advance(until - this.clock.now());
  }

  /** Lets happen what can happen without time going on. */
  async settle(): Promise<void> {
    await this.network.settle();
    for (let progress = encoderProgress(); progress !== undefined; progress = encoderProgress()) {
      await progress;
      await this.network.settle();
    }
  }

  /** State of the circuit breaker that a caller's proxy keeps for a Service; undefined where it has none. */
  breaker(from: string, upstream: string): 'closed' | 'open' | 'half_open' | undefined {
    return this.cluster(from, upstream).breakerState;
  }

  /** Connections that a caller's proxy has made to a Service so far. */
  connectionsMade(from: string, upstream: string): number {
    return this.cluster(from, upstream).stats.cxTotal;
  }

  private cluster(from: string, upstream: string) {
    const clusters = [...this.pod(from).proxy.clusters];
    const found = clusters.find(([name]) => name.startsWith(`${upstream}.`) || name === upstream);
    if (!found) throw new Error(`${from} has no cluster for ${upstream}; it has ${clusters.map(([name]) => name).join(', ')}`);
    return found[1];
  }

  /** Kills a pod's processes: connections to it break, new ones are refused, and its endpoint stays until `setReady` takes it away. */
  async stopPod(name: string): Promise<void> {
    await this.pod(name).stop();
    await this.settle();
  }

  async startPod(name: string): Promise<void> {
    await this.pod(name).start();
    await this.settle();
  }

  /** What the endpoints say of a pod. */
  async setReady(name: string, ready: boolean): Promise<void> {
    const { spec } = this.pod(name);
    if (ready) this.unready.delete(spec.name);
    else this.unready.add(spec.name);
    await this.publish();
    await this.settle();
  }

  /** Ends every proxy. Needed with `sockets`, harmless without. */
  async close(): Promise<void> {
    for (const pod of this.pods_.values()) await pod.stop();
    await this.outsiders.close();
  }

  /** What the control plane does with every change: all resources, translated for each node. */
  private async publish(): Promise<void> {
    const states = [...this.pods_.values()].map(({ spec }): PodState => ({
      spec, phase: 'running', since: 0, ready: !this.unready.has(spec.name), processes: new Map(), held: false, restarts: 0,
    }));
    const slices = [...endpointSlices(this.objects, states)].map(([file, text]): RawDocument => ({ value: parse(text), location: file }));
    const documents = this.objects.map((value, index): RawDocument => ({ value, location: `manifests#${index + 1}` }));
    const resources = readResources({ documents: [...documents, ...slices], unreadable: [] });
    const rejected = resources.rejected.flatMap(({ id, messages }) => messages.map((message) => `${id.kind} ${id.namespace}/${id.name}: ${message}`));
    if (rejected.length > 0) throw new Error(`the control plane rejects\n${rejected.join('\n')}`);
    const specs = [...resources.resources.MeshService.values()].map(({ value: { spec } }) => spec);
    const issuers = await keysOf(issuersToAsk(specs).keys(), (host, port, path) => this.ask(host, port, path));
    const { model } = resolve(resources, undefined, { security: this.network.vouches ? 'network' : 'none', issuers });
    this.services = model.services;
    for (const pod of this.pods_.values()) {
      const { namespace, service, address, region } = pod.spec;
      const node = proxyNode(model, { service: `${namespace}/${service}`, podIp: address, loopback: address, ...(region === undefined ? {} : { region }) });
      await pod.configure(xdsResources(model, node));
    }
  }

  private identityOf({ namespace, service }: PodSpec): string | undefined {
    const identity = this.services.get(`${namespace}/${service}`)?.identity;
    return identity === '' ? undefined : identity;
  }

  /** The network as a pod's proxy sees it: it connects as the pod's service, and knows who connects to it. */
  private proxyTransport(spec: PodSpec): Transport {
    if (!this.network.vouches) return this.network.transport(spec.address);
    const isStrict = () => this.services.get(`${spec.namespace}/${spec.service}`)?.encryption === 'strict';
    return new GuardedTransport(this.network.transport(spec.address, () => this.identityOf(spec)), INBOUND_PORT, isStrict);
  }

  private createPod(spec: PodSpec): TestPod {
    const view = viewOf(spec);
    return new TestPod(spec, {
      clock: this.clock,
      transport: this.proxyTransport(spec),
      random: this.random,
      observer: {
        requestEnded: (record) => { this.records.push(entryOf(view, record)); },
        connectionEnded: (record) => { this.connections.push(entryOf(view, record)); },
      },
      answer: (message) => this.answer(view, message),
      bytes: () => this.bytesStub(view, spec.namespace),
      resolver: this.outsiders.resolver,
    });
  }

  /** It stands for itself: no proxy is before it, and it has no pods. */
  private outsider({ name, stub, protocol }: Outsider) {
    return {
      transport: this.network.transport(name),
      clock: this.clock,
      answer: (message: Message) => this.answer(outsiderView(name), message, this.stubs.get(stub)),
      bytes: () => {
        const played = this.stubs.get(stub);
        return protocol !== 'tcp' ? undefined : played instanceof TcpStub ? played : ECHO;
      },
    };
  }

  /** What a host outside of the mesh answers to the control plane. */
  private ask(host: string, port: number, target: string): ReturnType<Stub> {
    const stub = this.stubs.get(`${host}:${port}`) ?? this.stubs.get(host);
    if (stub === undefined) throw new Error(`${host} is not played`);
    return this.answer(outsiderView(host), { method: 'GET', target, status: 0, headers: { host }, body: '', bytes: Buffer.alloc(0), trailers: {} }, stub);
  }

  private answer(pod: PodView, message: Message, stub = this.stubOf(pod)): ReturnType<Stub> {
    const request: StubRequest = {
      method: message.method,
      path: message.target,
      headers: message.headers,
      body: message.body,
      bytes: message.bytes,
      trailers: message.trailers,
      service: pod.service,
      version: pod.version,
      pod: pod.name,
      region: pod.region,
      at: this.clock.now(),
      call: async (url, options = {}) => this.send(pod.name, url, { ...options, headers: { ...traced(message.headers), ...options.headers } }),
    };
    this.arrivals.push(request);
    if (typeof stub === 'function') return stub(request);
    const who = { service: pod.service, version: pod.version, pod: pod.name, region: pod.region };
    if (message.headers['content-type']?.startsWith('application/grpc') !== true) return { body: who };
    return grpcStub({ [message.target.slice(1)]: () => ({ messages: [Buffer.from(JSON.stringify(who))] }) })(request);
  }

  private stubOf(pod: PodView): AnyStub | undefined {
    return this.stubs.get(`${pod.service}/${pod.version}`) ?? this.stubs.get(pod.service);
  }

  /** What takes the connections of a pod whose service carries bytes. */
  private bytesStub(pod: PodView, namespace: string): TcpStub | undefined {
    const service = this.objects.find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === pod.service && metadata.namespace === namespace);
    const { protocol, detect } = (service?.spec as { port?: { protocol?: string; detect?: boolean } } | undefined)?.port ?? {};
    if (protocol !== 'tcp') return undefined;
    const stub = this.stubOf(pod);
    // Who answers requests at a port whose protocol is not declared speaks HTTP there.
    if (detect && typeof stub === 'function') return undefined;
    return stub instanceof TcpStub ? stub : ECHO;
  }

  private pod(name: string): TestPod {
    const found = this.pods_.get(name) ?? [...this.pods_.values()].find(({ spec }) => spec.service === name);
    if (!found) throw new Error(`${name}: no such service or pod; there are ${[...new Set(this.pods().map(({ service }) => service))].join(', ')}`);
    return found;
  }
}

function viewOf({ name, service, version, address, region, zone }: PodSpec): PodView {
  return { name, service: service!, version: version!, address, region, zone };
}

function outsiderView(name: string): PodView {
  return { name, service: name, version: '', address: '', region: undefined, zone: undefined };
}

/** What an application passes on with its own calls. */
function traced(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(['traceparent', 'tracestate', 'x-request-id'].flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}
