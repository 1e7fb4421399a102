import { defineCheck } from './define';
import type { MeshGraph, ServiceNode } from './graph';

/** Keys are fetched by proxies and by the control plane as anybody would: without a certificate of the mesh. */
export const keysOfMeshService = defineCheck('MW157', 'error', 'keys-of-mesh-service', (graph, report) => {
  for (const { path, namespace, spec: { authentication } } of graph.services) {
    for (const { issuer, jwksUri } of authentication?.jwt.providers ?? []) {
      const url = jwksUri ?? issuer;
      const service = meshServiceOf(url, namespace, graph);
      if (service === undefined || takesPlainText(service, graph)) continue;
      report(path, `authentication.${jwksUri === undefined ? 'issuer' : 'jwksUri'}: ${url}`,
        `must be outside of the mesh: ${service.name}.${service.namespace} takes nothing but mutual TLS, and keys are fetched without a certificate of the mesh`,
        'write the address at which clients outside of the mesh reach the issuer');
    }
  }
});

function takesPlainText({ mesh, spec }: ServiceNode, graph: MeshGraph): boolean {
  return (spec.encryption ?? graph.meshes.find(({ path }) => path === mesh)?.spec.encryption) === 'permissive';
}

/** The service that a URL leads to from a namespace, by the names that the cluster's DNS has. */
function meshServiceOf(url: string, from: string, graph: MeshGraph): ServiceNode | undefined {
  const host = /^https?:\/\/([^/:]+)/.exec(url)?.[1];
  const [name, namespace = from, svc, ...domain] = host?.split('.') ?? [];
  if (svc !== undefined && (svc !== 'svc' || domain.length === 1)) return undefined;
  return graph.services.find((service) => service.namespace === namespace && service.versions.some((version) => version.service === name));
}
