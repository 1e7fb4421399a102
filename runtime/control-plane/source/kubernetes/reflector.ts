import type { Clock, Timer } from '../../../clock';
import { ApiError, Backoff, type ApiList, type ApiObject, type KubernetesApi, type WatchEvent } from '../../kubernetes';
import type { Gate } from './gate';
import { apiPath } from './paths';

/** What is listed and watched. */
export interface Collection {
  readonly group: string;
  readonly versions: readonly string[];
  readonly plural: string;
  /** Of one namespace; of all without it. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Nothing but metadata is sent (PartialObjectMetadata). */
  readonly metadataOnly?: boolean;
  /** A cluster may do without its definitions: while it does, there are no such objects. */
  readonly optional?: boolean;
}

export interface ReflectorDeps<T> {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Lists of all reflectors go through it one by one. */
  readonly gate: Gate;
  /** Takes of an object what is needed; nothing else of it is held, not even while a list is read. */
  readonly keep: (object: ApiObject) => T;
  /** Everything that there is; what is not among it is gone. */
  readonly replaced: (items: readonly T[]) => void;
  readonly changed: (item: T) => void;
  readonly deleted: (item: T) => void;
  /** Told whenever it works again, or why not. */
  readonly state: (problem: string | undefined) => void;
}

/** Objects of one page: what is held at once of a large list is a page in full, and the rest as it is kept. */
export const PAGE = 500;
/** Seconds after which the server is asked to end a watch; by chance up to twice as many, so that watches do not end together. */
const WATCH_SECONDS = 240;
/** Milliseconds without a byte before a watch counts as dead. The server sends a bookmark about once a minute. */
export const IDLE = 90_000;
const BASE_BACKOFF = 500;
const MAX_BACKOFF = 10_000;
/** What is not installed yet is looked for more often: installation waits for it. */
const MAX_ABSENT = 5_000;
/** A watch that ended sooner, and told nothing, has failed. */
const SHORT = 1_000;

/**
 * Keeps in step with one collection by list and watch. A watch that ends is taken up where it ended; only where the server no longer knows that place
 * (410 Gone) everything is listed again, not older than what was seen. Nothing is taken away because the API is away.
 */
export class Reflector<T> {
  private version = 0;
  /** Where to go on; undefined: with a list. */
  private resourceVersion: string | undefined;
  /** The newest that was ever seen: a list must not go back behind it. */
  private newest: string | undefined;
  private listed = false;
  /** Versions, one after the other, that the server does not serve. */
  private absent = 0;
  private watching: { close(): void } | undefined;
  private timer: Timer | undefined;
  private closed = false;
  private readonly backoff: Backoff;
  private readonly absence: Backoff;

  constructor(private readonly collection: Collection, private readonly deps: ReflectorDeps<T>) {
    this.backoff = new Backoff(BASE_BACKOFF, MAX_BACKOFF, deps.random);
    this.absence = new Backoff(BASE_BACKOFF, MAX_ABSENT, deps.random);
  }

  start(): void {
    this.next();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.watching?.close();
  }

  /** Whether everything has been listed once. */
  get synced(): boolean {
    return this.listed;
  }

  private get path(): string {
    const { group, versions, plural, namespace } = this.collection;
    return `${apiPath(group, versions[this.version])}/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}`;
  }

  private next(): void {
    if (this.closed) return;
    if (this.resourceVersion === undefined) {
      void this.deps.gate.through(async () => this.list());
    } else {
      this.watch(this.resourceVersion);
    }
  }

  private later(wait: number): void {
    if (this.closed) return;
    this.timer = this.deps.clock.setTimer(wait, () => this.next());
  }

  private async list(): Promise<void> {
    if (this.closed) return;
    try {
      const { resourceVersion, items } = await this.pages();
      if (this.closed) return;
      this.listed = true;
      this.deps.replaced(items);
      this.absence.reset();
      this.absent = 0;
      this.resourceVersion = resourceVersion;
      this.newest = resourceVersion;
    } catch (error) {
      this.listFailed(error as ApiError);
      return;
    }
    this.next();
  }

  private async pages(): Promise<{ resourceVersion: string; items: T[] }> {
    const items: T[] = [];
    let token: string | undefined;
    let paged = true;
    for (;;) {
      let page: ApiList;
      try {
        page = await this.deps.api.request<ApiList>({ method: 'GET', path: this.listPath(token, paged), accept: this.accept('PartialObjectMetadataList') });
      } catch (error) {
        // The pages that are left were forgotten by the server: all of it in one answer, then.
        if (token === undefined || !(error as ApiError).expired) throw error;
        items.length = 0;
        token = undefined;
        paged = false;
        continue;
      }
      for (const object of page.items ?? []) items.push(this.deps.keep(object));
      token = page.metadata.continue || undefined;
      if (token === undefined || this.closed) return { resourceVersion: page.metadata.resourceVersion, items };
    }
  }

  private listPath(token: string | undefined, paged: boolean): string {
    const query = new URLSearchParams();
    if (paged) query.set('limit', `${PAGE}`);
    if (token !== undefined) {query.set('continue', token);} else if (this.newest !== undefined) {
      query.set('resourceVersion', this.newest);
      query.set('resourceVersionMatch', 'NotOlderThan');
    }
    return this.withSelector(query);
  }

  private accept(as: string): string {
    return this.collection.metadataOnly ? `application/json;as=${as};v=v1;g=meta.k8s.io` : 'application/json';
  }

  private withSelector(query: URLSearchParams): string {
    const { labelSelector, fieldSelector } = this.collection;
    if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
    if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector);
    return `${this.path}?${query.toString()}`;
  }

  private listFailed(error: ApiError): void {
    const { versions, group, plural } = this.collection;
    const name = group === '' ? plural : `${plural}.${group}`;
    // etcd was restored, or another server is behind: what it has is all there is.
    if (error.expired || error.reason === 'Timeout' || /resource version/i.test(error.message)) this.newest = undefined;
    if (error.status === 404) {
      this.version = (this.version + 1) % versions.length;
      const { optional } = this.collection;
      const then = optional ? 'there are none until their CustomResourceDefinitions are installed' : 'install their CustomResourceDefinitions';
      this.deps.state(`${name} are not served by ${this.deps.api.server}: ${then}`);
      // An API server that is starting answers 503 where it does not know yet what it serves, so a 404 says that nothing is there.
      if (optional && !this.listed && ++this.absent >= versions.length) {
        this.listed = true;
        this.deps.replaced([]);
      }
      this.later(error.retryAfter ?? this.absence.next());
      return;
    }
    const why = error.status === 403 ? `may not be listed: ${error.message}; grant it by the ClusterRole that the Mesh construct synthesizes`
      : `cannot be listed: ${error.message}`;
    this.deps.state(`${name} ${why}`);
    this.later(Math.max(error.retryAfter ?? 0, this.backoff.next()));
  }

  private watch(resourceVersion: string): void {
    const { api, clock, random } = this.deps;
    const query = new URLSearchParams({
      watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: `${Math.round(WATCH_SECONDS * (1 + random()))}`,
    });
    let began: number | undefined;
    let told = false;
    this.watching = api.watch(this.withSelector(query), {
      accept: this.accept('PartialObjectMetadata'),
      idle: IDLE,
      started: () => {
        began = clock.now();
        this.deps.state(undefined);
      },
      event: (event) => {
        told = this.event(event) || told;
        if (told) this.backoff.reset();
      },
      ended: (error) => {
        this.watching = undefined;
        this.watchEnded(error, told || (began !== undefined && clock.now() - began >= SHORT));
      },
    });
  }

  /** @returns whether the watch has got on by it. */
  private event({ type, object }: WatchEvent): boolean {
    const { resourceVersion } = object.metadata;
    if (type === 'ERROR') {
      this.failWatch(object);
      return false;
    }
    if (resourceVersion !== undefined) {
      this.resourceVersion = resourceVersion;
      this.newest = resourceVersion;
    }
    if (type === 'DELETED') this.deps.deleted(this.deps.keep(object));
    else if (type !== 'BOOKMARK') this.deps.changed(this.deps.keep(object));
    return true;
  }

  /** The object of an ERROR event is a `metav1.Status`. */
  private failWatch(object: ApiObject): void {
    const { code = 500, reason = '', message = '', details } = object as { code?: number; reason?: string; message?: string; details?: { retryAfterSeconds?: number } };
    const seconds = details?.retryAfterSeconds;
    this.watching?.close();
    this.watching = undefined;
    this.watchEnded(new ApiError(code, reason, `GET ${this.path}: ${code} ${message}`, seconds === undefined ? undefined : seconds * 1000), false);
  }

  private watchEnded(error: ApiError | undefined, worked: boolean): void {
    if (this.closed) return;
    if (worked) this.backoff.reset();
    if (!error && worked) {
      this.next();
      return;
    }
    if (error && (error.expired || error.status === 404 || /too large resource version/i.test(error.message))) {
      this.resourceVersion = undefined;
      if (!error.expired) this.newest = undefined;
    }
    const wait = Math.max(error?.retryAfter ?? 0, this.backoff.next());
    // Going on at once, or a place that was forgotten, is no problem that anybody could mend.
    if (error && !error.expired) this.deps.state(`${this.collection.plural} cannot be watched: ${error.message}; what is known goes on`);
    this.later(wait);
  }
}
