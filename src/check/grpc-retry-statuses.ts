import { defineCheck } from './define';
import type { Retry } from './traffic';
import { viewOf } from './view';

const STATUSES: ReadonlySet<string> = new Set(['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable']);

/** Retries by a status of gRPC where HTTP/1.1 is spoken: no answer has one, so they would never come about. */
export const grpcRetryStatuses = defineCheck('MW151', 'error', 'grpc-retry-statuses', (graph, report) => {
  const { routes } = viewOf(graph);
  for (const service of graph.services) {
    const { protocol } = service.spec.port;
    if (protocol !== 'http') continue;
    const look = (path: string, label: string, retry: Retry | undefined): void => {
      const statuses = (retry?.retryOn ?? []).filter((word) => STATUSES.has(word));
      if (statuses.length === 0) return;
      report(
        path,
        `${label}retry on ${statuses.join(', ')}, of a service with port http(${service.spec.port.number})`,
        'must be of a service that speaks gRPC: only its answers have such a status',
        `write ServicePort.grpc(${service.spec.port.number}) in ${service.path}, or RetryOn.GATEWAY_ERROR and the like`,
      );
    };
    look(service.path, '', service.spec.retry);
    for (const route of routes.get(service.key) ?? []) for (const rule of route.rules) look(route.path, `rule ${rule.name}: `, rule.retry);
  }
});
