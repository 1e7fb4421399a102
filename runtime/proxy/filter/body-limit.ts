import type { BodyLimitConfig } from '../config/types';
import { ERRORS } from '../error';
import type { FilterRequest, HttpFilter, LocalReply } from './types';

/**
 * envoy.filters.http.buffer, as the bound that it is: a request whose body is longer is answered 413 (RFC 9110 §15.5.14). What states its length is
 * refused at once; of what streams the bytes are counted as they pass, and none is held back. A route may bring its own bound, or switch it off.
 */
export class BodyLimitFilter implements HttpFilter {
  constructor(readonly name: string, readonly config: BodyLimitConfig | undefined) {}

  onRequest(request: FilterRequest): LocalReply | undefined {
    const { filters } = request.route.config;
    const own = filters.size === 0 ? undefined : filters.get(this.name);
    const config = own === undefined ? this.config : own.kind === 'body_limit' ? own.config : undefined;
    if (config === undefined || request.limitBody(config.maxBytes)) return undefined;
    const { code, status, flag, problem, title, policy, grpcStatus } = ERRORS.bodyTooLarge;
    return { status, flag, detail: code, problem, title, policy: policy!, grpcStatus };
  }
}
