import type { FaultConfig } from '../config/types';
import { GRPC_STATUS_NAMES } from '../error';
import { httpStatusOf } from '../grpc/status';
import type { FilterRequest, HELD, HttpFilter, LocalReply } from './types';

/** What has been injected, and what is being injected. */
export interface FaultStats {
  delaysInjected: number;
  abortsInjected: number;
  /** Requests that wait. */
  activeFaults: number;
}

/** A configuration with its answer, which is the same every time. */
interface Fault {
  readonly config: FaultConfig;
  readonly reply: LocalReply;
}

/**
 * envoy.filters.http.fault: a part of the requests waits, and a part of all, those that have waited included, is answered in place of the upstream. A
 * route may bring its own faults, which replace the listener's. A request without a fault costs a random number for each that it might have had.
 */
export class FaultFilter implements HttpFilter {
  readonly stats: FaultStats = { delaysInjected: 0, abortsInjected: 0, activeFaults: 0 };
  private readonly listener: Fault | undefined;
  private readonly byConfig = new WeakMap<FaultConfig, Fault>();

  constructor(readonly name: string, config: FaultConfig | undefined, private readonly random: () => number) {
    this.listener = config && compile(config);
  }

  onRequest(request: FilterRequest): LocalReply | typeof HELD | undefined {
    const fault = this.of(request);
    if (fault === undefined) return undefined;
    const { delay } = fault.config;
    if (delay === undefined || !this.hits(delay.perMillion)) return this.abort(fault);
    this.stats.delaysInjected++;
    this.stats.activeFaults++;
    return request.delay(delay.duration);
  }

  onDelayed(request: FilterRequest): LocalReply | undefined {
    this.stats.activeFaults--;
    const fault = this.of(request);
    return fault === undefined ? undefined : this.abort(fault);
  }

  onGone(): void {
    this.stats.activeFaults--;
  }

  private abort({ config: { abort }, reply }: Fault): LocalReply | undefined {
    if (abort === undefined || !this.hits(abort.perMillion)) return undefined;
    this.stats.abortsInjected++;
    return reply;
  }

  private hits(perMillion: number): boolean {
    return perMillion > 0 && this.random() * 1_000_000 < perMillion;
  }

  private of({ route }: FilterRequest): Fault | undefined {
    const own = route.config.filters.size === 0 ? undefined : route.config.filters.get(this.name);
    if (own === undefined) return this.listener;
    if (own.kind !== 'fault' || own.config === undefined) return undefined;
    let fault = this.byConfig.get(own.config);
    if (fault === undefined) this.byConfig.set(own.config, fault = compile(own.config));
    return fault;
  }
}

function compile(config: FaultConfig): Fault {
  const { status, grpcStatus } = config.abort ?? { status: undefined, grpcStatus: undefined };
  // A client that does not speak gRPC gets the status of HTTP that stands for it: Envoy's 200 would be taken for an answer.
  const code = status ?? (grpcStatus === undefined ? 503 : httpStatusOf(grpcStatus));
  const name = grpcStatus === undefined ? String(code) : GRPC_STATUS_NAMES[grpcStatus];
  return {
    config,
    reply: {
      status: code, grpcStatus, flag: 'FI', detail: 'fault_filter_abort', problem: 'fault-injected', policy: 'fault',
      title: `A fault was injected: ${name} in place of an answer`,
    },
  };
}
