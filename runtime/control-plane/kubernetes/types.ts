/** A Kubernetes API as the control plane uses it. Everything above it is tested with a server that speaks the same over loopback. */
export interface KubernetesApi {
  /** For people: `https://10.96.0.1:443`. */
  readonly server: string;
  /**
   * One request, with its answer as JSON.
   * @throws ApiError
   */
  request<T>(request: ApiRequest): Promise<T>;
  /** A response that does not end: each line of it is told as JSON. */
  watch(path: string, handlers: WatchHandlers): { close(): void };
  /** Ends everything that is under way. */
  close(): void;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** `application/json` by default. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Milliseconds until it counts as failed; 30 s by default. */
  readonly timeout?: number;
}

export interface WatchHandlers {
  readonly accept?: string;
  /** Milliseconds without a byte after which the connection is taken for dead. */
  readonly idle: number;
  /** The server has answered 200: the watch stands. */
  started(): void;
  event(event: WatchEvent): void;
  /** Exactly once, unless it is closed before; without a reason where the server ended it in order. */
  ended(error: ApiError | undefined): void;
}

/** `metav1.WatchEvent`. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ApiObject;
}

/** What every object of the API has; in lists of Kubernetes' own kinds the items lack apiVersion and kind. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ApiMetadata;
  readonly [member: string]: unknown;
}

export interface ApiMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** A page of `metav1.List`. */
export interface ApiList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly ApiObject[] | null;
}

/** A request that failed: the API's own words (`metav1.Status`), or status 0 where it was not reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /**
   * @param status HTTP status; 0 where there was none.
   * @param reason `metav1.StatusReason`, such as `Expired`; the code of the system's error where there was no answer.
   * @param retryAfter milliseconds that the server asks to wait.
   */
  constructor(readonly status: number, readonly reason: string, message: string, readonly retryAfter: number | undefined = undefined) {
    super(message);
  }

  /** What the client knows is too old for the server: it has to begin anew. */
  get expired(): boolean {
    return this.status === 410 || this.reason === 'Expired' || this.reason === 'Gone';
  }
}
