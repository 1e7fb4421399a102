import { defineCheck } from './define';
import type { Retry } from './traffic';
import { viewOf } from './view';

/** Retries of gRPC that leave POST out: every call is one, so nothing would ever be tried again. */
export const grpcRetryMethods = defineCheck('MW150', 'error', 'grpc-retry-methods', (graph, report) => {
  const { routes } = viewOf(graph);
  for (const service of graph.services) {
    if (service.spec.port.protocol !== 'grpc') continue;
    const look = (path: string, label: string, retry: Retry | undefined): void => {
      if (retry === undefined || retry.methods.includes('POST')) return;
      report(
        path,
        `${label}retry of ${retry.methods.join(', ')}`,
        'must include POST: every call of gRPC is one',
        `write methods: [HttpMethod.POST] where a call may be repeated, and idempotentMethods: [HttpMethod.POST] in ${service.path}`,
      );
    };
    look(service.path, '', service.spec.retry);
    for (const route of routes.get(service.key) ?? []) for (const rule of route.rules) look(route.path, `rule ${rule.name}: `, rule.retry);
  }
});
