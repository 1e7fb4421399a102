import type { Call, MeshModel, MeshSettings, Service } from '../model';

/** Key of a guest: a pod of the mesh that belongs to no service, and is known by its account. No service is called so: a name has no `~`. */
export function guestKey(namespace: string, serviceAccount: string): string {
  return `${namespace}/~${serviceAccount}`;
}

export function isGuest(key: string): boolean {
  return key.includes('/~');
}

const made = new WeakMap<MeshSettings, Map<string, Service>>();

/** The service of a key. A guest's is made up: it calls everything that has an address, and what comes to it is nobody's to judge. */
export function serviceOf(model: MeshModel, key: string): Service | undefined {
  const service = model.services.get(key);
  const [, namespace, account] = /^([^/]+)\/~(.+)$/.exec(key) ?? [];
  if (service || !model.guests || namespace === undefined) return service;
  const { guests: mesh } = model;
  const calls: Call[] = [...model.backends.values()].filter(({ addresses }) => addresses !== undefined)
    .map(({ key: backend }) => ({ backend, allow: undefined, timeout: undefined, localPort: undefined }));
  const known = made.get(mesh) ?? new Map<string, Service>();
  made.set(mesh, known);
  const before = known.get(key);
  if (before && before.calls.length === calls.length && before.calls.every(({ backend }, index) => backend === calls[index].backend)) return before;
  const guest: Service = {
    key, name: `~${account}`, namespace, mesh, calls,
    identity: `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${account}`,
    port: 0, protocol: 'tcp', callers: [], outside: { everything: true, hosts: [], networks: [] }, idleTimeout: undefined, rateLimits: [], compression: undefined, digests: false, sidecar: true, encryption: 'strict', authorization: 'enforce', bodyLimit: undefined,
    messageLimit: undefined, faults: undefined,
  };
  known.set(key, guest);
  return guest;
}
