import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Collection, KINDS, type Change, type StoredObject } from './objects';
import { permits, type Attributes, type Grant } from './rbac';

/** A request as it came. */
export interface Recorded {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: any;
  /** `list`, `watch`, `get`, `create`, `update`, `patch`, `delete`. */
  readonly verb: string;
  /** `httproutes/status`. */
  readonly resource: string;
  /** Only metadata is wanted. */
  readonly partial: boolean;
  readonly authorization: string | undefined;
  status?: number;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly collection: Collection;
  readonly request: Recorded;
  stop(): void;
}

export interface Trouble {
  readonly status: number;
  readonly reason?: string;
  readonly message?: string;
  readonly retryAfterSeconds?: number;
}

/**
 * A Kubernetes API in memory over loopback HTTP: list with pages, watch with bookmarks and forgotten history, optimistic locking, status by
 * server-side apply, and RBAC. As much of it as the control plane uses, and as strict in that as the real one; `test/e2e/cluster` asks that too.
 */
export class FakeApiServer {
  readonly collections: ReadonlyMap<string, Collection>;
  readonly requests: Recorded[] = [];
  /** What the requests of anybody are checked by; nothing is checked without it. */
  grants: readonly Grant[] | undefined;
  /** Collections that are not served: their CRDs are missing. */
  readonly absent = new Set<string>();
  /** Answers a request with an error, or never (`hang`). */
  trouble: (request: Recorded) => Trouble | 'hang' | undefined = () => undefined;
  /** Bytes of a watch that go out at once: lines are cut anywhere. */
  chunk = Infinity;
  private version = 100;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly watchers = new Set<Watcher>();
  private readonly waiting = new Set<() => void>();
  port = 0;

  private constructor() {
    this.collections = new Map(KINDS.map((served) => [served.plural, new Collection(served, () => ++this.version)]));
  }

  static async start(...objects: readonly any[]): Promise<FakeApiServer> {
    const made = new FakeApiServer();
    await made.listen();
    for (const object of objects) made.put(object);
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => this.serve(request, response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((done) => server.listen(this.port, '127.0.0.1', done));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** The process dies: connections are reset, what was stored stays. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const watcher of this.watchers) watcher.stop();
    for (const socket of this.sockets) socket.resetAndDestroy();
    await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
  }

  put(object: any): StoredObject {
    const found = KINDS.find(({ kind }) => kind === object.kind);
    if (!found) throw new Error(`the fake API has no kind ${object.kind}`);
    return this.collections.get(found.plural)!.put(object);
  }

  delete(plural: string, namespace: string, name: string): void {
    this.collections.get(plural)!.delete(namespace, name);
  }

  get(plural: string, namespace: string, name: string): StoredObject | undefined {
    return this.collections.get(plural)!.objects.get(Collection.key(namespace, name));
  }

  /** All history is forgotten: a watch from before is 410 Gone. */
  compact(): void {
    for (const collection of this.collections.values()) {
      collection.history = [];
      collection.compacted = this.version;
    }
  }

  /** All watches end in order, or by a reset; or their client is told that its place is gone. */
  endWatches(how: 'end' | 'reset' | 'expired', plural?: string): void {
    for (const watcher of [...this.watchers]) {
      if (plural !== undefined && watcher.collection.served.plural !== plural) continue;
      watcher.stop();
      if (how === 'reset') watcher.response.socket?.resetAndDestroy();
      else watcher.response.end(how === 'end' ? undefined : EXPIRED);
    }
  }

  /** A bookmark on every watch that asked for them. */
  bookmark(): void {
    for (const { response, collection, request } of this.watchers) {
      if (request.query.get('allowWatchBookmarks') !== 'true') continue;
      const { kind, group, versions } = collection.served;
      const object = { kind, apiVersion: group === '' ? versions[0] : `${group}/${versions[0]}`, metadata: { resourceVersion: `${this.version}` } };
      this.write(response, { type: 'BOOKMARK', object });
    }
  }

  /** A line of bytes on every watch, whatever it is. */
  garble(line: string): void {
    for (const { response } of this.watchers) response.write(line);
  }

  get watches(): number {
    return this.watchers.size;
  }

  /** Requests of a kind, so far. */
  count(verb: string, resource?: string): number {
    return this.requests.filter((one) => one.verb === verb && (resource === undefined || one.resource === resource)).length;
  }

  /** Resolves once it holds; asked whenever something has happened here. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((done) => {
      const check = () => {
        if (!holds()) return;
        this.waiting.delete(check);
        done();
      };
      this.waiting.add(check);
    });
  }

  private happened(): void {
    for (const check of [...this.waiting]) check();
  }

  private serve(message: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      this.handle(message, Buffer.concat(chunks).toString(), response);
      this.happened();
    });
    response.on('finish', () => this.happened());
    response.on('close', () => this.happened());
  }

  private handle(message: IncomingMessage, text: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(message.url!, 'http://api');
    const parsed = /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname);
    if (!parsed) return answer(response, { status: 404, message: 'the server could not find the requested resource' });
    const [, group = '', version, namespace, plural, name, subresource] = parsed;
    const method = message.method!;
    const verb = method === 'GET' ? (searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get')
      : { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method]!;
    const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
    const body = text === '' ? undefined : JSON.parse(text) as unknown;
    const request: Recorded = {
      method, path: pathname, query: searchParams, body, verb, resource, partial: /as=PartialObjectMetadata/.test(message.headers.accept ?? ''),
      authorization: message.headers.authorization,
    };
    this.requests.push(request);
    const refuse = (trouble: Trouble) => {
      request.status = trouble.status;
      answer(response, trouble);
    };
    const trouble = this.trouble(request);
    if (trouble === 'hang') return undefined;
    if (trouble) return refuse(trouble);
    const collection = this.collections.get(plural);
    if (collection?.served.group !== group || !collection.served.versions.includes(version) || this.absent.has(plural)) {
      return refuse({ status: 404, reason: 'NotFound', message: 'the server could not find the requested resource' });
    }
    // Who lists one object by its name is judged by that name.
    const selected = /^metadata\.name=(.+)$/.exec(searchParams.get('fieldSelector') ?? '')?.[1];
    const attributes: Attributes = { group, resource, namespace, name: name ?? selected, verb };
    if (this.grants && !permits(this.grants, attributes)) {
      return refuse({ status: 403, reason: 'Forbidden', message: `cannot ${verb} resource "${resource}" in API group "${group}"` });
    }
    const key = name === undefined ? undefined : Collection.key(namespace, name);
    // An apply that finds nothing is a create, and judged as one.
    if (verb === 'patch' && subresource === undefined && !collection.objects.has(key!)) {
      this.requests.push({ ...request, verb: 'create' });
      if (this.grants && !permits(this.grants, { ...attributes, name: undefined, verb: 'create' })) return refuse({ status: 403, reason: 'Forbidden', message: `cannot create resource "${resource}"` });
    }
    const result = this.run(collection, request, { key, namespace, content: message.headers['content-type'] ?? '' }, response);
    if (result === undefined) return undefined;
    if ('status' in result && typeof result.status === 'number') return refuse(result as Trouble);
    request.status = 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(result));
  }

  private run(
    collection: Collection, request: Recorded,
    { key, namespace, content }: { key: string | undefined; namespace: string | undefined; content: string }, response: ServerResponse,
  ): Trouble | object | undefined {
    const before = key === undefined ? undefined : collection.objects.get(key);
    const notFound = { status: 404, reason: 'NotFound', message: `${request.path} not found` };
    const conflict = { status: 409, reason: 'Conflict', message: 'the object has been modified; please apply your changes to the latest version' };
    const version: string | undefined = request.body?.metadata?.resourceVersion;
    const stale = () => before && version !== undefined && version !== before.metadata.resourceVersion;
    switch (request.verb) {
      case 'list':
        return this.list(collection, request, namespace);
      case 'watch':
        return this.watch(collection, request, namespace, response);
      case 'get':
        return before ?? notFound;
      case 'create': {
        // Nobody is known here.
        if (request.resource === 'tokenreviews') return { ...request.body, status: { authenticated: false } } as object;
        const { name } = request.body.metadata;
        if (collection.objects.has(Collection.key(namespace, name))) return { ...conflict, reason: 'AlreadyExists' };
        return collection.put({ ...request.body, metadata: { ...request.body.metadata, namespace } });
      }
      case 'update':
        if (!before) return notFound;
        return stale() ? conflict : collection.put(request.body);
      case 'delete':
        if (!before) return notFound;
        collection.delete(before.metadata.namespace, before.metadata.name);
        return { kind: 'Status', status: 'Success' };
      default:
        if (content === 'application/apply-patch+yaml' && request.resource === 'configmaps') return collection.put(request.body);
        if (content !== 'application/apply-patch+yaml' || !request.resource.endsWith('/status')) {
          return { status: 415, message: `no patch of ${request.resource} by ${content}` };
        }
        if (!request.query.get('fieldManager')) return { status: 400, reason: 'BadRequest', message: 'fieldManager is required for apply patch' };
        if (!before) return notFound;
        if (stale() || (request.body.metadata.uid !== undefined && request.body.metadata.uid !== before.metadata.uid)) return conflict;
        return collection.setStatus(before, request.body.status);
    }
  }

  private list(collection: Collection, { query, partial }: Recorded, namespace: string | undefined): Trouble | object {
    const [at = `${this.version}`, from = '0'] = query.get('continue')?.split('/') ?? [];
    if (query.has('continue') && Number(at) < collection.compacted) {
      return { status: 410, reason: 'Expired', message: 'The provided continue parameter is too old' };
    }
    if (Number(query.get('resourceVersion') ?? 0) > this.version) {
      return { status: 504, reason: 'Timeout', message: 'Too large resource version: 1, current: 0', retryAfterSeconds: 1 };
    }
    const all = [...collection.objects.values()].filter((object) => this.selects(object, query, namespace));
    const limit = Number(query.get('limit') ?? all.length + 1);
    const items = all.slice(Number(from), Number(from) + limit);
    const next = Number(from) + items.length;
    const isOwn = collection.served.group.includes('meshwright') || collection.served.group.includes('gateway');
    return {
      kind: `${collection.served.kind}List`,
      metadata: { resourceVersion: at, ...next < all.length ? { continue: `${at}/${next}`, remainingItemCount: all.length - next } : {} },
      // Items of Kubernetes' own kinds do not say what they are.
      items: partial ? items.map(metadataOf) : isOwn ? items : items.map(({ apiVersion: _a, kind: _k, ...rest }) => rest),
    };
  }

  private watch(collection: Collection, request: Recorded, namespace: string | undefined, response: ServerResponse): Trouble | undefined {
    const from = Number(request.query.get('resourceVersion') ?? 0);
    if (from > this.version) return { status: 504, reason: 'Timeout', message: 'Too large resource version' };
    response.setHeader('content-type', 'application/json');
    response.flushHeaders();
    request.status = 200;
    if (from < collection.compacted) {
      response.end(EXPIRED);
      return undefined;
    }
    const tell = (change: Change) => {
      if (!this.selects(change.object, request.query, namespace)) return;
      this.write(response, { type: change.type, object: request.partial ? metadataOf(change.object) : change.object });
    };
    for (const change of collection.history) if (change.version > from) tell(change);
    collection.watchers.add(tell);
    const watcher: Watcher = {
      response, collection, request,
      stop: () => {
        collection.watchers.delete(tell);
        this.watchers.delete(watcher);
      },
    };
    this.watchers.add(watcher);
    response.on('close', watcher.stop);
    return undefined;
  }

  private write(response: ServerResponse, event: object): void {
    const bytes = Buffer.from(`${JSON.stringify(event)}\n`);
    for (let at = 0; at < bytes.length; at += this.chunk) response.write(bytes.subarray(at, Math.min(bytes.length, at + this.chunk)));
  }

  private selects({ metadata, status }: StoredObject, query: URLSearchParams, namespace: string | undefined): boolean {
    if (namespace !== undefined && metadata.namespace !== namespace) return false;
    const [field, wanted] = (query.get('fieldSelector') ?? '').split('=');
    if (field === 'status.phase' && status?.phase !== wanted) return false;
    const labels = (query.get('labelSelector') ?? '').split(',').filter((part) => part !== '');
    return labels.every((part) => {
      const [name, value] = part.split('=');
      return value === undefined ? metadata.labels?.[name] !== undefined : metadata.labels?.[name] === value;
    });
  }
}

function metadataOf({ metadata }: StoredObject): object {
  return { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata };
}

function statusOf({ status, reason, message, retryAfterSeconds }: Trouble): object {
  const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: status, reason, message, ...details };
}

const EXPIRED = `${JSON.stringify({ type: 'ERROR', object: statusOf({ status: 410, reason: 'Expired', message: 'too old resource version' }) })}\n`;

function answer(response: ServerResponse, trouble: Trouble): void {
  response.writeHead(trouble.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(statusOf(trouble)));
}
