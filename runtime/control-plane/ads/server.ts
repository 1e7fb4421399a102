import type { Clock, Timer } from '../../clock';
import type { DeltaDiscoveryRequest, Node } from '../../xds';
import { Method } from '../../xds/methods';
import { GrpcServer, Status, type GrpcCall, type ServingSource } from '../grpc';
import type { Log } from '../log';
import type { MeshModel } from '../model';
import { proxyNode } from '../translate';
import type { ProxyNode } from '../xds';
import { serviceOf } from '../xds/guest';
import { DELTA, type Dialect, type Incoming } from './dialect';
import { peerOf, type Peer } from './node';
import { identityOf, impostor } from './peer-identity';
import type { Snapshot } from './snapshot';
import { Snapshots } from './snapshots';
import { StateOfTheWorld } from './state-of-the-world';
import { AdsStats, shortType } from './stats';
import { DeltaStream } from './stream';

/** A proxy that is connected. */
export interface Connection {
  readonly peer: Peer;
  /** SPIFFE ID of its certificate. */
  readonly identity: string | undefined;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly stream: DeltaStream;
  readonly transport: GrpcCall;
  /** What it is to run; undefined while its service is not in the mesh. */
  readonly node: ProxyNode | undefined;
  readonly snapshot: Snapshot | undefined;
}

export interface AdsServerDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Clients have certificates, and are held to what those say. */
  readonly verifyPeers?: boolean;
  /** A proxy came, went, or said something of what it runs. */
  readonly changed: () => void;
  /** After how long a stream is ended, so that proxies spread anew over the replicas that there are; half to one and a half of it. Never without it. */
  readonly streamAge?: StreamAge;
}

export interface StreamAge {
  /** Milliseconds. */
  readonly mean: number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

/** Proxies that are given a new model before anything else gets its turn. */
const SLICE = 50;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * ADS over gRPC, in both variants. Until there is a model nothing is answered. A proxy whose service is not in the mesh gets nothing either, and keeps what it
 * had: a MeshService that is gone takes itself from its callers, but does not break requests that its pods are still serving.
 */
export class AdsServer {
  readonly stats = new AdsStats();
  private readonly server: GrpcServer;
  private readonly open = new Map<GrpcCall, Mutable<Connection>>();
  private readonly ages = new Map<GrpcCall, Timer>();
  private readonly snapshots = new Snapshots();
  private model: MeshModel | undefined;
  /** Connections that have not had the present model yet. */
  private behind = new Set<Mutable<Connection>>();
  private slicing: NodeJS.Immediate | undefined;

  constructor(private readonly deps: AdsServerDeps) {
    this.server = new GrpcServer({
      clock: deps.clock,
      methods: {
        [Method.DeltaAggregatedResources]: (call) => this.accept(call, DELTA),
        [Method.StreamAggregatedResources]: (call) => this.accept(call, new StateOfTheWorld({
          clock: deps.clock,
          runs: (type) => this.open.get(call)?.stream.runs(type) === true,
          late: (request) => { this.open.get(call)?.stream.request(request); },
        })),
      },
    });
  }

  /**
   * @param serving plain text without it, for tests
   * @returns the port that was bound.
   */
  async listen(address: { readonly host: string; readonly port: number }, serving?: ServingSource): Promise<number> {
    return this.server.listen(address, serving);
  }

  /** A new model for everybody. Many proxies are served in slices: requests of others, and probes, come in between. */
  update(model: MeshModel): void {
    this.model = model;
    this.behind = new Set(this.open.values());
    this.pushSlice();
  }

  private pushSlice(): void {
    const { model } = this;
    if (!model) return;
    let left = SLICE;
    for (const connection of this.behind) {
      if (left-- === 0) break;
      this.behind.delete(connection);
      // A service that came after its proxy, or has another account now.
      if (!this.refuseImpostor(connection.transport, connection, model)) this.push(connection, model);
    }
    if (this.behind.size === 0 || this.slicing) return;
    this.slicing = setImmediate(() => {
      this.slicing = undefined;
      this.pushSlice();
    });
  }

  connections(): Connection[] {
    return [...this.open.values()];
  }

  /** Ends all streams, so that proxies go to another replica; connections that are not closed after `grace` milliseconds are cut. */
  async close(grace: number): Promise<void> {
    clearImmediate(this.slicing);
    for (const age of this.ages.values()) age.cancel();
    for (const [stream, connection] of this.open) {
      connection.stream.close();
      stream.end();
    }
    await this.server.close(grace);
  }

  private accept(stream: GrpcCall, dialect: Dialect): void {
    this.stats.streamsOpened += 1;
    stream.handlers = {
      onMessage: (bytes) => this.onMessage(stream, dialect, bytes),
      onDrain: () => this.open.get(stream)?.stream.drained(),
      onEnd: () => {
        this.forget(stream);
        stream.end();
      },
      onClose: () => {
        dialect.close();
        this.forget(stream);
      },
    };
  }

  private onMessage(stream: GrpcCall, dialect: Dialect, bytes: Buffer): void {
    let incoming: Incoming;
    try {
      incoming = dialect.read(bytes);
    } catch {
      stream.end(Status.InvalidArgument, 'the message is no request of ADS');
      return;
    }
    const connection = this.open.get(stream) ?? this.connect(stream, dialect, incoming.node);
    if (!connection) return;
    for (const request of incoming.requests) this.onRequest(connection, request);
    const released = dialect.released();
    if (released) this.onRequest(connection, released);
  }

  private onRequest({ peer, stream }: Connection, request: DeltaDiscoveryRequest): void {
    if (!stream.request(request)) this.deps.log.debug('ads', 'type is not served', { node: peer.id, type: request.typeUrl });
    // An answer, and not only a question.
    if (request.responseNonce !== '') this.deps.changed();
  }

  private connect(stream: GrpcCall, dialect: Dialect, node: Node | undefined): Mutable<Connection> | undefined {
    const peer = peerOf(node);
    if (typeof peer === 'string') {
      this.stats.streamsRefused += 1;
      this.deps.log.warning('ads', 'stream refused', { reason: peer });
      stream.end(Status.InvalidArgument, peer);
      return undefined;
    }
    const connection: Mutable<Connection> = {
      identity: this.deps.verifyPeers ? identityOf(stream.certificate) : undefined,
      peer, since: this.deps.clock.wallTime(), stream: this.adsStream(stream, dialect, peer), transport: stream, node: undefined, snapshot: undefined,
    };
    this.open.set(stream, connection);
    this.limitAge(stream);
    if (this.model && this.refuseImpostor(stream, connection, this.model)) return undefined;
    this.deps.log.info('ads', 'proxy connected', { node: peer.id, service: peer.service, address: stream.peer });
    if (this.model) this.push(connection, this.model);
    this.deps.changed();
    return connection;
  }

  /** Ends a stream of somebody who is not who he says; whether it did. */
  private refuseImpostor(stream: GrpcCall, connection: Connection, model: MeshModel): boolean {
    const reason = this.deps.verifyPeers ? impostor(connection.peer, connection.identity, model) : undefined;
    if (reason === undefined) return false;
    this.stats.streamsRefused += 1;
    this.deps.log.warning('ads', 'stream refused', { reason });
    this.forget(stream);
    stream.end(Status.PermissionDenied, reason);
    return true;
  }

  /** A Service of Kubernetes chooses a replica for each connection: one that was started later gets none of those that are there. */
  private limitAge(stream: GrpcCall): void {
    const { clock, log, streamAge } = this.deps;
    if (!streamAge) return;
    this.ages.set(stream, clock.setTimer(streamAge.mean * (0.5 + streamAge.random()), () => {
      log.debug('ads', 'stream is old enough; its proxy connects anew', { node: this.open.get(stream)?.peer.id });
      this.forget(stream);
      stream.end();
    }));
  }

  private adsStream(stream: GrpcCall, dialect: Dialect, peer: Peer): DeltaStream {
    const { log } = this.deps;
    return new DeltaStream({
      clock: this.deps.clock,
      write: (response) => stream.write(...response),
      encode: (type, nonce, resources, removed) => dialect.write(type, nonce, resources, removed),
      sent: (type, resources, removals) => {
        const counted = this.stats.types[type];
        counted.responses += 1;
        counted.resources += resources;
        counted.removals += removals;
        log.debug('ads', 'sent', { node: peer.id, type: shortType(type), resources, removals });
      },
      acknowledged: (type) => { this.stats.types[type].acks += 1; },
      refused: (type, resources, message) => {
        this.stats.types[type].nacks += 1;
        log.warning('ads', 'proxy refused resources', { node: peer.id, type: shortType(type), resources: resources.map(({ name }) => name), reason: message });
      },
    });
  }

  private push(connection: Mutable<Connection>, model: MeshModel): void {
    const { peer, stream } = connection;
    if (!serviceOf(model, peer.service)) {
      if (connection.node) this.deps.log.warning('ads', 'service left the mesh; its proxy keeps what it has', { node: peer.id, service: peer.service });
      connection.node = undefined;
      return;
    }
    const node = proxyNode(model, peer);
    // A pod that stops loses its endpoint before it stops; it stays where it was.
    connection.node = { ...node, region: node.region ?? connection.node?.region };
    connection.snapshot = this.snapshots.of(model, connection.node, connection.snapshot);
    stream.update(connection.snapshot);
  }

  private forget(stream: GrpcCall): void {
    const connection = this.open.get(stream);
    if (!connection) return;
    this.open.delete(stream);
    this.ages.get(stream)?.cancel();
    this.ages.delete(stream);
    this.behind.delete(connection);
    connection.stream.close();
    this.deps.log.info('ads', 'proxy disconnected', { node: connection.peer.id });
    this.deps.changed();
  }
}
