import { defineCheck } from './define';
import type { Retry } from './traffic';
import { viewOf } from './view';

/** Methods that may be repeated (RFC 9110 §9.2.2). */
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'];

/** Retries of a method that neither HTTP nor the service calls idempotent: an order is placed twice. */
export const unsafeRetry = defineCheck('MW116', 'error', 'unsafe-retry', (graph, report) => {
  const { routes } = viewOf(graph);
  for (const service of graph.services) {
    const safe = new Set([...IDEMPOTENT, ...service.facts.idempotentMethods]);
    const look = (path: string, label: string, retry: Retry | undefined): void => {
      const unsafe = (retry?.methods ?? []).filter((method) => !safe.has(method));
      if (unsafe.length === 0) return;
      report(
        path,
        `${label}retry of ${unsafe.join(', ')}`,
        'must be a method that is idempotent (RFC 9110 §9.2.2), or that the service declares to be',
        `take ${unsafe.join(', ')} out of methods, or have ${service.path} declare idempotentMethods`,
      );
    };
    look(service.path, '', service.spec.retry);
    for (const route of routes.get(service.key) ?? []) {
      for (const rule of route.rules) look(route.path, `rule ${rule.name}: `, rule.retry);
    }
  }
});
