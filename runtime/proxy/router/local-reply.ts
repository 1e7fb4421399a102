import { ERRORS, problemDocument, titleOf, type ProxyError, type ResponseFlag } from '../error';
import type { LocalReply } from '../filter/types';
import { encodeMessage, grpcStatusOf, isGrpc } from '../grpc/status';
import { writeLatin1 } from '../http1/bytes';
import { writeHeader } from '../http1/forward';
import { reasonOf } from '../http1/reason';
import type { RequestContext } from './request-context';

/** An answer that the proxy makes itself. */
export interface Reply {
  readonly status: number;
  readonly flag: ResponseFlag | undefined;
  readonly detail: string;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** To a call of gRPC: status and message stand in the head, which is all of it (Trailers-Only). */
  readonly grpcStatus?: number;
}

const NO_HEADERS: Reply['headers'] = [];
/** RFC 9110 §15.5.22: 426 says what to upgrade to. */
const UPGRADE: Reply['headers'] = [{ name: 'upgrade', value: 'HTTP/1.1' }];
/** Overload passes in seconds, one way or the other. */
const TRY_SOON: Reply['headers'] = [{ name: 'retry-after', value: '1' }];
const NO_BODY = new Uint8Array(0);
const GRPC = 'application/grpc';
const PROBLEM = 'application/problem+json';

export function errorReply(ctx: RequestContext, error: ProxyError, service: string | undefined, status = error.status): Reply {
  const detail = ctx.detail === '' ? error.code : `${error.code}{${ctx.detail}}`;
  const headers = error === ERRORS.overloaded ? TRY_SOON : status === 426 ? UPGRADE : NO_HEADERS;
  if (isGrpc(ctx.head)) {
    return grpcReply(error.grpcStatus ?? grpcStatusOf(status), titleOf(error, service), error.flag, detail, headers);
  }
  const document = problemDocument(error.problem, titleOf(error, service), status, error.code, error.policy, service);
  return {
    status,
    flag: error.flag,
    detail,
    contentType: PROBLEM,
    body: Buffer.from(document),
    headers,
  };
}

/** What a client of gRPC understands, whatever went wrong: 200, and the status of gRPC in the head. */
function grpcReply(grpcStatus: number, message: string, flag: ResponseFlag | undefined, detail: string, headers: Reply['headers']): Reply {
  return {
    status: 200,
    flag,
    detail,
    contentType: GRPC,
    body: NO_BODY,
    headers: [{ name: 'grpc-status', value: String(grpcStatus) }, { name: 'grpc-message', value: encodeMessage(message) }, ...headers],
    grpcStatus,
  };
}

export function filterReply(ctx: RequestContext, reply: LocalReply): Reply {
  if (isGrpc(ctx.head)) {
    return grpcReply(reply.grpcStatus ?? grpcStatusOf(reply.status), reply.title, reply.flag, reply.detail, reply.headers ?? NO_HEADERS);
  }
  const { action } = ctx.route;
  const service = action.kind === 'route' ? soleCluster(ctx) : undefined;
  return {
    status: reply.status,
    flag: reply.flag,
    detail: reply.detail,
    contentType: PROBLEM,
    body: Buffer.from(problemDocument(reply.problem, reply.title, reply.status, reply.publicDetail ?? reply.detail, reply.policy, service)),
    headers: reply.headers ?? NO_HEADERS,
  };
}

/** The service where the route leaves no choice. */
function soleCluster(ctx: RequestContext): string | undefined {
  const { action } = ctx.route.config;
  return action.kind === 'route' && action.clusters.length === 1 ? action.clusters[0].cluster : undefined;
}

export function redirectReply(status: number, location: string): Reply {
  return { status, flag: undefined, detail: 'direct_response', contentType: undefined, body: NO_BODY, headers: [{ name: 'location', value: location }] };
}

export function directReply(ctx: RequestContext, status: number, body: Uint8Array): Reply {
  if (isGrpc(ctx.head)) return grpcReply(grpcStatusOf(status), Buffer.from(body).toString(), undefined, 'direct_response', NO_HEADERS);
  return { status, flag: undefined, detail: 'direct_response', contentType: body.length > 0 ? 'text/plain' : undefined, body, headers: NO_HEADERS };
}

/** Bodies up to this go out together with their head. */
export const REPLY_BODY_TOGETHER = 64 * 1024;

/** Whether the client gets the body of an answer. */
export function hasBody(reply: Reply, ctx: RequestContext): boolean {
  const { status } = reply;
  return reply.body.length > 0 && status >= 200 && status !== 204 && status !== 304 && !ctx.framing.isHead;
}

/** Writes an answer, with its body if that is not long; returns its end. */
export function writeReply(to: Buffer, reply: Reply, ctx: RequestContext, date: string, close: boolean): number {
  const { status, body } = reply;
  const mutation = ctx.responseMutation;
  const changed = (name: string): boolean => mutation !== undefined
    && (mutation.remove.includes(name) || mutation.set.some((header) => header.name.toLowerCase() === name));
  let at = writeLatin1(to, 0, `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`);
  if (reply.contentType !== undefined && !changed('content-type')) at = writeHeader(to, at, 'content-type', reply.contentType);
  const bodiless = status === 204 || status === 304 || status < 200 || (reply.grpcStatus !== undefined && ctx.downstream.major === 2);
  if (!bodiless) at = writeHeader(to, at, 'content-length', String(body.length));
  for (const { name, value } of reply.headers) if (!changed(name)) at = writeHeader(to, at, name, value);
  const { addedHeaders } = ctx;
  for (let i = 0; i < addedHeaders.length; i += 2) at = writeHeader(to, at, addedHeaders[i], addedHeaders[i + 1]);
  if (mutation !== undefined) {
    for (const { name, value } of mutation.set) at = writeHeader(to, at, name, value);
    for (const { name, value } of mutation.append) at = writeHeader(to, at, name, value);
  }
  if (!changed('date')) at = writeHeader(to, at, 'date', date);
  if (!changed('server')) at = writeHeader(to, at, 'server', ctx.rules.serverName);
  if (close) at = writeHeader(to, at, 'connection', 'close');
  to[at++] = 13;
  to[at++] = 10;
  if (!hasBody(reply, ctx) || body.length > REPLY_BODY_TOGETHER) return at;
  to.set(body, at);
  return at + body.length;
}
