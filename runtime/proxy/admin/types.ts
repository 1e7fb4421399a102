/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What pages know of a request. */
export interface OperatorRequest {
  readonly method: string;
  readonly host: string;
  /** Path and query. */
  readonly target: string;
  readonly origin: string | undefined;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly help: string;
  readonly handle: (query: URLSearchParams) => Answer | Promise<Answer>;
}

/** Routes by path. */
export type Routes = ReadonlyMap<string, Route>;

export function text(body: string, status = 200): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` };
}
