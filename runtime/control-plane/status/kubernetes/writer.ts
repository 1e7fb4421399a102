import type { Clock, Timer } from '../../../clock';
import { Backoff, type ApiError, type ApiObject, type KubernetesApi } from '../../kubernetes';
import { silentLog, type Log } from '../../log';
import { isRouteKind } from '../../resources';
import { objectPath, WATCHED, type Observed } from '../../source/kubernetes';
import type { ObjectStatus } from '../status';
import { desiredStatus, withoutOurs, type Desired } from './conditions';

/** Field manager of what is written: all replicas are one writer. */
export const FIELD_MANAGER = 'meshwright-control-plane';

/** Milliseconds from a change until it is written: what turned true or false; what has only another text or count; that no proxy is there any more. */
export const PROMPT = 1000;
export const UNHURRIED = 5000;
export const PATIENT = 10_000;
/** Milliseconds between two comparisons of everything: each write that the watch tells of would be one. */
const COALESCE = 200;
/** Writes under way at once. */
const CONCURRENCY = 4;
const BASE_BACKOFF = 1000;
const MAX_BACKOFF = 60_000;

export interface StatusWriterDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log?: Log;
  /** Of this control plane, and of its meshes. */
  readonly namespace: string;
  /** What the API has, by name: `MeshService shop/payment`. */
  readonly observed: () => ReadonlyMap<string, Observed>;
}

interface Pending {
  /** When it was first seen to differ. */
  readonly since: number;
  /** Not to be tried before. */
  notBefore: number;
  readonly backoff: Backoff;
  /** Written on top of this version; until the watch shows another there is nothing to compare with. */
  written: string | undefined;
  busy: boolean;
  refused: string;
}

/** An object whose status is to become another one. */
interface Difference {
  readonly name: string;
  readonly have: Observed;
  readonly want: unknown;
  /** Milliseconds from when it was first seen. */
  readonly delay: number;
}

/**
 * Brings the status of objects to what it is to be, while this replica leads: by server-side apply, only where it differs, each object seldom enough
 * that a rollout is not a storm. What is to be done is found anew from what the API has, so nothing is lost with a replica.
 */
export class StatusWriter {
  private desired: readonly ObjectStatus[] = [];
  private leads = false;
  private readonly pending = new Map<string, Pending>();
  private timer: Timer | undefined;
  private comparing: Timer | undefined;
  /** What is due, as it was at the last comparison. */
  private due: { readonly difference: Difference; readonly pending: Pending }[] = [];
  private running = 0;
  private closed = false;
  readonly stats = { writes: 0, failures: 0 };

  constructor(private readonly deps: StatusWriterDeps) {}

  lead(leads: boolean): void {
    this.leads = leads;
    this.pending.clear();
    this.due = [];
    this.reconcile();
  }

  update(objects: readonly ObjectStatus[]): void {
    this.desired = objects;
    this.reconcile();
  }

  /** Compares soon, and writes what is due. */
  reconcile(): void {
    if (!this.leads || this.closed || this.comparing) return;
    this.comparing = this.deps.clock.setTimer(COALESCE, () => {
      this.comparing = undefined;
      this.compare();
    });
  }

  private compare(): void {
    this.timer?.cancel();
    if (!this.leads || this.closed) return;
    const { clock } = this.deps;
    const observed = this.deps.observed();
    const now = clock.now();
    let next = Infinity;
    this.due = [];
    const differing = new Set<string>();
    for (const difference of this.differences(observed)) {
      const { name, have, delay } = difference;
      differing.add(name);
      const pending = this.pending.get(name) ?? {
        since: now, notBefore: 0, backoff: new Backoff(BASE_BACKOFF, MAX_BACKOFF, this.deps.random), written: undefined, busy: false, refused: '',
      };
      this.pending.set(name, pending);
      if (pending.busy || pending.written === have.resourceVersion) continue;
      const due = Math.max(pending.since + delay, pending.notBefore);
      if (due > now) next = Math.min(next, due);
      else this.due.push({ difference, pending });
    }
    for (const [name, { busy }] of this.pending) if (!differing.has(name) && !busy) this.pending.delete(name);
    if (next < Infinity) this.timer = clock.setTimer(next - now, () => this.compare());
    this.work();
  }

  private work(): void {
    while (this.running < CONCURRENCY) {
      const next = this.due.shift();
      if (!next) return;
      void this.write(next.difference, next.pending);
    }
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.comparing?.cancel();
    this.due = [];
  }

  private* differences(observed: ReadonlyMap<string, Observed>): Iterable<Difference> {
    const now = new Date(this.deps.clock.wallTime()).toISOString().replace(/\.\d+Z$/, 'Z');
    const known = new Set<string>();
    for (const object of this.desired) {
      const name = `${object.kind} ${object.namespace}/${object.name}`;
      const have = known.has(name) ? undefined : observed.get(name);
      known.add(name);
      const desired = have && desiredStatus(object, have, this.deps.namespace, now);
      if (desired) yield { name, have, want: desired.status, delay: delayOf(desired) };
    }
    for (const [name, have] of observed) {
      const want = known.has(name) || !/^(HTTP|GRPC)Route /.test(name) ? undefined : withoutOurs(have);
      if (want !== undefined) yield { name, have, want, delay: UNHURRIED };
    }
  }

  private async write({ name, have, want }: Difference, pending: Pending): Promise<void> {
    const { api, clock, log = silentLog } = this.deps;
    this.running += 1;
    pending.busy = true;
    try {
      const { metadata } = await api.request<ApiObject>({ method: 'PATCH', ...patch(name, have, want), contentType: 'application/apply-patch+yaml' });
      this.stats.writes += 1;
      if (metadata.resourceVersion === have.resourceVersion) {
        // The API stores something else than was asked for, and the same again: no reason to ask all the time.
        pending.notBefore = clock.now() + pending.backoff.next();
      } else {
        pending.written = have.resourceVersion;
        pending.backoff.reset();
        // The next change of this object has its own time.
        if (this.pending.get(name) === pending) this.pending.set(name, { ...pending, since: clock.now(), busy: false });
      }
    } catch (error) {
      const { status, message, retryAfter } = error as ApiError;
      pending.notBefore = clock.now() + Math.max(retryAfter ?? 0, pending.backoff.next());
      // Gone, or changed meanwhile: the watch tells.
      if (status !== 404 && status !== 409) {
        this.stats.failures += 1;
        if (message !== pending.refused) log.warning('status', 'a status cannot be written', { object: name, reason: message });
        pending.refused = message;
      }
    } finally {
      pending.busy = false;
      this.running -= 1;
      this.work();
      this.reconcile();
    }
  }
}

function delayOf({ turned }: Desired): number {
  if (turned.length === 0) return UNHURRIED;
  return turned.every(({ type, status }) => type === 'Programmed' && status === 'Unknown') ? PATIENT : PROMPT;
}

function patch(name: string, { uid, resourceVersion }: Observed, status: unknown): { path: string; body: object } {
  const [, kindName, namespace, object] = /^(\w+) ([^/]+)\/(.+)$/.exec(name)!;
  const kind = WATCHED.find((one) => one.kind === kindName)!;
  const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, force: 'true' });
  return {
    path: `${objectPath(kind, { namespace, name: object })}/status?${query.toString()}`,
    body: {
      apiVersion: `${kind.group}/${kind.versions[0]}`,
      kind: kindName,
      // Only into the object that was read, not into one of the same name; a list that is written as a whole, only over the one that was read.
      metadata: { name: object, namespace, uid, ...isRouteKind(kindName) ? { resourceVersion } : {} },
      status,
    },
  };
}
