import type { MeshGraph, PodFacts, VersionNode } from './graph';

type Container = PodFacts['containers'][number];

/** The pods of all versions of all services. */
export function* podsIn({ services }: MeshGraph): Generator<VersionNode> {
  for (const { versions } of services) yield* versions;
}

/** Their containers, without the sidecars. */
export function* applicationsIn(graph: MeshGraph): Generator<{ readonly path: string; readonly container: Container }> {
  for (const { path, pod } of podsIn(graph)) {
    for (const container of pod.containers) if (!container.isProxy) yield { path, container };
  }
}

/** What stands in the list more than once. */
export function doubles<T>(items: readonly T[]): T[] {
  const seen = new Set<T>();
  const twice = new Set<T>();
  for (const item of items) if (seen.size === seen.add(item).size) twice.add(item);
  return [...twice];
}
