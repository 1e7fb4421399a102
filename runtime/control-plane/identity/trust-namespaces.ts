import type { MeshModel } from '../model';

/**
 * Namespaces whose pods have to trust the roots of a trust domain: those of its services, and those that ask for its sidecars. Where services of
 * another mesh are, its control plane writes the roots of that one, under the same name; two that write were never done.
 */
export function trustNamespaces({ services }: Pick<MeshModel, 'services'>, injected: Iterable<string>, trustDomain: string): string[] {
  const own = new Set<string>(), others = new Set<string>();
  for (const { namespace, mesh } of services.values()) {
    if (mesh.trustDomain === trustDomain) own.add(namespace);
    else if (mesh.trustDomain !== '') others.add(namespace);
  }
  for (const namespace of injected) if (!others.has(namespace)) own.add(namespace);
  return [...own].sort();
}
