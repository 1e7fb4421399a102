import { GrpcStatus, titleOf, type ProxyError } from '../error';
import { isGrpc } from '../grpc/status';
import type { RequestContext } from './request-context';

/** A call of gRPC still gets a status, which says that its answer is not whole; all else is broken off. */
export function breakOff(ctx: RequestContext, error: ProxyError): void {
  const { downstream } = ctx;
  const status = error.grpcStatus ?? GrpcStatus.Unavailable;
  if (isGrpc(ctx.head) && downstream.endCall?.(status, titleOf(error, ctx.pool?.statName))) ctx.grpcStatus = status;
  else downstream.abort();
}
