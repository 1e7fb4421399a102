import { rulesFor, type Backend, type Caller, type Service } from '../model';

/** Services without what all of them together say of each: who may call it. */
export type ServiceDraft = Omit<Service, 'callers'>;

/**
 * Who may call whom: whoever declares a call to a service, and, where routes take that call to other services, those too. A call that is declared by
 * nobody is denied by the called.
 */
export function withCallers(drafts: ReadonlyMap<string, ServiceDraft>, backends: ReadonlyMap<string, Backend>): Map<string, Service> {
  const callers = new Map<string, Map<string, Caller>>();
  for (const { key, namespace, identity, calls } of drafts.values()) {
    for (const { backend } of calls) {
      for (const called of reachedBy(backends.get(backend), namespace, backends)) {
        const known = callers.get(called) ?? new Map<string, Caller>();
        callers.set(called, known.set(key, { key, identity }));
      }
    }
  }
  return new Map([...drafts].map(([key, draft]) => [key, { ...draft, callers: inOrder(callers.get(key)) }]));
}

/** Keys of the services that requests from a namespace to a backend may come to. */
function reachedBy(backend: Backend | undefined, namespace: string, backends: ReadonlyMap<string, Backend>): Set<string> {
  if (!backend) return new Set();
  const targets = (rulesFor(backend, namespace)?.rules ?? []).flatMap(({ action }) => (action.kind === 'forward' ? action.targets : []));
  const reached = [backend.service, ...targets.map((target) => (target.backend === undefined ? undefined : backends.get(target.backend)?.service))];
  return new Set(reached.filter((key) => key !== undefined));
}

function inOrder(callers: ReadonlyMap<string, Caller> | undefined): Caller[] {
  return [...callers?.values() ?? []].sort((a, b) => (a.key < b.key ? -1 : 1));
}
