import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { GROUP } from '../../../../src/contract';
import type { Clock, Timer } from '../../../clock';
import { Backoff, leasePath, microTime, type ApiError, type ApiObject, type KubernetesApi, type Lease } from '../../kubernetes';
import { silentLog, type Log } from '../../log';
import { Gate, Reflector } from '../../source/kubernetes';
import type { SharedProgress } from '../progress';

/** This process, in the mesh's namespace. */
export interface Replica {
  /** Of its pod. */
  readonly name: string;
  readonly namespace: string;
  /** Of its pod: what it leaves goes with the pod. */
  readonly uid: string | undefined;
}

/** Label of the Leases by which replicas find each other. */
export const REPLICA_LABEL = `${GROUP}/control-plane-replica`;
/** Annotation with what the proxies of a replica run. */
export const PROGRESS_ANNOTATION = `${GROUP}/progress`;

/** Milliseconds between two writes of changes, and without any change. */
export const CHANGE_INTERVAL = 2000;
export const HEARTBEAT = 5000;
/** Seconds after which a replica that says nothing is gone. */
export const REPLICA_SECONDS = 15;
/** Milliseconds; an end must not wait for an API that does not answer. */
const REQUEST_TIMEOUT = 5000;
/** Bytes of annotation; Kubernetes takes 256 KiB of all annotations of an object together. */
const LARGEST = 200 * 1024;
/** What is told of refusals: the first ones, and of each the beginning. */
const REFUSALS = 3;
const REFUSAL_LENGTH = 1000;

/** An object as it is told: name, generation, proxies that run it, proxies concerned, refusals. */
type Row = readonly [string, number, number, number, string[]?];

export interface ReplicasDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log?: Log;
  readonly replica: Replica;
  readonly changed: () => void;
}

interface Told {
  readonly name: string;
  readonly version: string;
  readonly progress: SharedProgress;
}

/**
 * What the proxies of all replicas run. Each replica writes its own part, compressed, into an annotation of a Lease of its own, and watches those of the
 * others. By the API and not from replica to replica: that needs no port, no address and no trust of its own, and a new leader knows everything
 * already. What is told is counts, so it stays small, and is told seldom.
 */
export class Replicas {
  private readonly reflector: Reflector<Told>;
  private readonly told = new Map<string, Told & { readonly seenAt: number }>();
  private own = '';
  private written: string | undefined;
  private lease: Lease | undefined;
  private timer: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();
  private nextWrite = 0;
  private closed = false;
  private problem = '';
  private deaf: string | undefined;
  private readonly backoff: Backoff;

  constructor(private readonly deps: ReplicasDeps) {
    const { api, clock, random, log = silentLog, replica } = deps;
    this.backoff = new Backoff(CHANGE_INTERVAL, HEARTBEAT, random);
    this.reflector = new Reflector<Told>({ group: 'coordination.k8s.io', versions: ['v1'], plural: 'leases', namespace: replica.namespace, labelSelector: REPLICA_LABEL, metadataOnly: true }, {
      api, clock, random, gate: new Gate(),
      keep: toldBy,
      replaced: (items) => {
        for (const name of this.told.keys()) if (!items.some((one) => one.name === name)) this.told.delete(name);
        for (const item of items) this.heard(item);
        deps.changed();
      },
      changed: (item) => {
        this.heard(item);
        deps.changed();
      },
      deleted: ({ name }) => {
        this.told.delete(name);
        deps.changed();
      },
      state: (problem) => {
        if (problem !== undefined && problem !== this.deaf) log.warning('status', problem);
        this.deaf = problem;
      },
    });
  }

  start(): void {
    this.reflector.start();
    this.schedule(0);
  }

  /** What this replica's proxies run. Repeating it is free. */
  tell(own: SharedProgress): void {
    const text = this.encoded(own);
    if (text === this.own) return;
    this.own = text;
    this.schedule(Math.max(0, this.nextWrite - this.deps.clock.now()));
  }

  /** What the other replicas that are alive have told. */
  others(): SharedProgress[] {
    const now = this.deps.clock.now();
    const alive = ({ name, seenAt }: { name: string; seenAt: number }) => name !== this.deps.replica.name && now < seenAt + REPLICA_SECONDS * 1000;
    return [...this.told.values()].filter(alive).map(({ progress }) => progress);
  }

  /** Says that its proxies are gone, which they will be. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    this.reflector.close();
    await this.writing;
    if (this.lease) await this.write('').catch(() => {});
  }

  private heard(item: Told): void {
    const before = this.told.get(item.name);
    // Times of other machines are not compared: alive is what changes.
    this.told.set(item.name, { ...item, seenAt: before?.version === item.version ? before.seenAt : this.deps.clock.now() });
  }

  private schedule(wait: number): void {
    if (this.closed) return;
    this.timer?.cancel();
    this.timer = this.deps.clock.setTimer(wait, () => { this.writing = this.writing.then(async () => this.publish()); });
  }

  private async publish(): Promise<void> {
    const { clock, log = silentLog } = this.deps;
    if (this.closed) return;
    const text = this.own;
    this.nextWrite = clock.now() + CHANGE_INTERVAL;
    let wait = HEARTBEAT;
    try {
      await this.write(text);
      this.written = text;
      this.backoff.reset();
      this.problem = '';
    } catch (error) {
      const { status, message } = error as ApiError;
      // Somebody wrote it, or took it away: it is read anew.
      if (status === 409 || status === 404) this.lease = undefined;
      else if (message !== this.problem) log.warning('status', 'other replicas cannot be told what the proxies of this one run', { reason: message });
      this.problem = message;
      wait = this.backoff.next();
    }
    // Changed while it was written.
    this.schedule(this.written === this.own ? wait : Math.min(wait, CHANGE_INTERVAL));
  }

  private async write(text: string): Promise<void> {
    const { api, clock, replica: { name, namespace, uid } } = this.deps;
    this.lease ??= await api.request<Lease>({ method: 'GET', path: leasePath(namespace, name), timeout: REQUEST_TIMEOUT }).catch((error: ApiError) => {
      if (error.status === 404) return undefined;
      throw error;
    });
    const metadata = {
      ...this.lease?.metadata,
      name,
      namespace,
      labels: { ...this.lease?.metadata.labels, [REPLICA_LABEL]: 'true' },
      annotations: { ...this.lease?.metadata.annotations, [PROGRESS_ANNOTATION]: text },
      ...uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { holderIdentity: name, leaseDurationSeconds: REPLICA_SECONDS, renewTime: microTime(clock) } };
    this.lease = await (this.lease
      ? api.request<Lease>({ method: 'PUT', path: leasePath(namespace, name), body, timeout: REQUEST_TIMEOUT })
      : api.request<Lease>({ method: 'POST', path: leasePath(namespace), body, timeout: REQUEST_TIMEOUT }));
  }

  private encoded(own: SharedProgress): string {
    const rows = (refusals: number) => [...own].map(([name, { generation, programmed, concerned, refusals: all }]): Row => {
      const some = all.slice(0, refusals).map((text) => text.slice(0, REFUSAL_LENGTH));
      return some.length === 0 ? [name, generation, programmed, concerned] : [name, generation, programmed, concerned, some];
    });
    // Many refusals with long texts: their number is in the counts all the same.
    for (const refusals of [REFUSALS, 1, 0]) {
      const text = deflateRawSync(JSON.stringify(rows(refusals))).toString('base64');
      if (text.length <= LARGEST) return text;
    }
    (this.deps.log ?? silentLog).error('status', 'too many objects to tell other replicas what the proxies of this one run', { objects: own.size });
    return '';
  }
}

function toldBy({ metadata }: ApiObject): Told {
  return { name: metadata.name ?? '', version: metadata.resourceVersion ?? '', progress: progressOf({ metadata }) };
}

/** What a replica has told by its Lease. */
export function progressOf({ metadata }: Pick<ApiObject, 'metadata'>): SharedProgress {
  return decoded(metadata.annotations?.[PROGRESS_ANNOTATION] ?? '');
}

/** A replica of another version may write what this one does not read. */
function decoded(text: string): SharedProgress {
  if (text === '') return new Map();
  try {
    const rows = JSON.parse(inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: 16 * 1024 * 1024 }).toString()) as Row[];
    return new Map(rows.map(([name, generation, programmed, concerned, refusals = []]) => [name, { generation, programmed, concerned, refusals }]));
  } catch {
    return new Map();
  }
}
