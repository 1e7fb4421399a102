import { RESERVED_PORTS, spiffeId, type MeshResource, type OutsideTrafficSpec } from '../../../src/contract';
import type { Call, MeshSettings, Outside, Security } from '../model';
import { keyOf, type Resource, type ResourceSet } from '../resources';
import { authenticationOf, type KnownIssuers } from './authentication';
import { regionsOf, type Backends } from './backends';
import { permittedBy, type ServiceDraft } from './callers';
import { compressionOf, faultsOf, optional, rateLimitsOf, timeoutOf } from './policies';
import type { Report } from './report';

const DAY = 86_400_000;

/** Services by key, with the calls that can be made: a call to something that is not there is reported and left out. */
export function servicesOf(
  set: ResourceSet, backends: Backends, security: Security, issuers: KnownIssuers, report: Report,
): Map<string, ServiceDraft> {
  const draft = (resource: Resource<'MeshService'>) => serviceOf(resource, set, backends, security, issuers, report);
  return new Map([...set.resources.MeshService.entries()].map(([key, resource]) => [key, draft(resource)]));
}

function serviceOf(
  { id, value: { spec } }: Resource<'MeshService'>, set: ResourceSet, backends: Backends, security: Security, issuers: KnownIssuers, report: Report,
): ServiceDraft {
  const mesh = set.resources.Mesh.get(keyOf(spec.mesh))?.value;
  if (!mesh) {
    const names = [...set.resources.Mesh.keys()].join(', ') || 'none';
    report.unresolved(id, 'MeshNotFound', `spec.mesh is ${keyOf(spec.mesh)}: there is no such Mesh (there is ${names}); without it the service has no identity, no regions and no access log`);
  }
  reportUnknownRegions(id, spec, mesh, report);
  return {
    key: keyOf(id),
    name: id.name,
    namespace: id.namespace,
    mesh: settingsOf(keyOf(spec.mesh), mesh, security),
    identity: mesh ? spiffeId(mesh.spec.trustDomain, id.namespace, spec.serviceAccount) : '',
    sidecar: spec.dataPlane === undefined,
    encryption: spec.encryption ?? mesh?.spec.encryption ?? 'strict',
    authorization: spec.authorization ?? mesh?.spec.authorization ?? 'enforce',
    port: spec.port.number,
    protocol: spec.port.protocol,
    ...spec.port.detect && { detects: true },
    calls: callsOf({ id, spec }, set, backends, report),
    outside: outsideOf(spec.outsideTraffic ?? mesh?.spec.outsideTraffic),
    idleTimeout: optional(spec.timeout?.idle),
    rateLimits: rateLimitsOf(spec),
    compression: compressionOf(spec),
    digests: spec.digest !== undefined,
    bodyLimit: spec.sizeLimits?.requestBodyBytes,
    messageLimit: spec.sizeLimits?.grpcMessageBytes,
    faults: faultsOf(spec),
    ...authenticationOf({ id, spec }, issuers, report),
  };
}

/** What all proxies of a mesh share. */
export function settingsOf(key: string, mesh: MeshResource | undefined, security: Security): MeshSettings {
  return {
    key,
    trustDomain: mesh?.spec.trustDomain ?? '',
    clusterDomain: mesh?.spec.clusterDomain,
    certificateLifetime: optional(mesh?.spec.certificateLifetime) ?? DAY,
    security,
    regions: regionsOf(mesh),
    accessLogPercent: mesh?.spec.accessLog?.successPercent,
  };
}

type About = { readonly id: Resource<'MeshService'>['id']; readonly spec: Resource<'MeshService'>['value']['spec'] };

function callsOf({ id, spec }: About, set: ResourceSet, backends: Backends, report: Report): Call[] {
  const calls = new Map<string, Call>();
  /** Who is called by a host name and port outside of the mesh. */
  const places = new Map<string, string>();
  /** Who has a port of the loopback. */
  const taken = new Map<number, string>([[spec.port.number, 'the application itself'], ...RESERVED_PORTS.map((port) => [port, 'the proxy'] as const)]);
  (spec.calls ?? []).forEach((call, index) => {
    const target = keyOf({ namespace: call.namespace, name: call.service });
    const unresolved = (reason: string, message: string) => report.unresolved(id, reason, `spec.calls[${index}] is ${target}: ${message}`);
    const backend = backends.ofService(call.namespace, call.service) ?? backends.ofExternal(call.namespace, call.service);
    if (!backend) {
      const plain = set.resources.Service.has(target);
      if (set.namespaces && !set.namespaces.has(call.namespace)) return unresolved('BackendNotFound', `there is no namespace ${call.namespace}; correct the name, or create it`);
      return unresolved('BackendNotFound', plain ? 'a Service that is in no mesh; create a MeshService for it' : 'no MeshService has such a Service, and no ExternalService such a name; correct the name, or create it');
    }
    const called = backend.external ? set.resources.ExternalService.get(target)! : set.resources.MeshService.get(backend.service!)!;
    const other = called.value.spec.mesh;
    const { policy } = spec.outsideTraffic ?? set.resources.Mesh.get(keyOf(spec.mesh))?.value.spec.outsideTraffic ?? {};
    if (backend.external && policy === 'none') {
      return unresolved('OutsideTrafficDenied', 'an ExternalService, and outsideTraffic.policy is none: nothing outside of the mesh may be called; write registered, or take the call out');
    }
    if (backend.external && call.allow !== undefined) {
      return unresolved('UnsupportedValue', 'an ExternalService: nobody is there who would judge what may be asked for; remove allow');
    }
    if (keyOf(other) !== keyOf(spec.mesh)) {
      return unresolved('WrongMesh', `it is in mesh ${keyOf(other)}, and ${id.name} in ${keyOf(spec.mesh)}; calls stay within one mesh`);
    }
    const place = backend.external && `${backend.external.hostname}:${backend.port}`;
    const rival = place === undefined ? undefined : places.get(place);
    if (rival !== undefined) {
      return unresolved('HostConflict', `it is ${place}, and so is ${rival}, which is called too; which of the two a call means nobody can say: take one of them out`);
    }
    if (place !== undefined) places.set(place, target);
    const bytes = backend.protocol === 'tcp';
    const localPort = bytes ? call.localPort ?? backend.port : undefined;
    if (!bytes && call.localPort !== undefined) {
      unresolved('UnsupportedValue', `localPort is ${call.localPort}: it speaks ${backend.protocol} and is reached by its name; remove localPort`);
    }
    if (bytes && !backend.detects && call.allow !== undefined) {
      // To let everything pass would be more than was asked for.
      return unresolved('UnsupportedValue', 'it carries bytes, in which nothing can be allowed and the rest denied; remove allow');
    }
    if (localPort !== undefined) {
      const by = taken.get(localPort);
      if (by !== undefined) return unresolved('PortConflict', `localPort is ${localPort}: that port of the pod's loopback belongs to ${by}; write another localPort`);
      taken.set(localPort, target);
    }
    calls.set(backend.key, {
      backend: backend.key,
      allow: call.allow && permittedBy(call.allow),
      timeout: bytes ? undefined : call.timeout && timeoutOf(call.timeout),
      localPort,
    });
  });
  return [...calls.values()].sort((a, b) => (a.backend < b.backend ? -1 : 1));
}

function outsideOf(spec: OutsideTrafficSpec | undefined): Outside {
  return { everything: spec?.policy === 'any', hosts: spec?.hosts ?? [], networks: spec?.networks ?? [] };
}

function reportUnknownRegions(id: About['id'], spec: About['spec'], mesh: MeshResource | undefined, report: Report): void {
  if (!mesh) return;
  const known = mesh.spec.regions.map(({ name }) => name);
  const check = (path: string, names: readonly string[] | undefined) => names?.forEach((name, index) => {
    if (!known.includes(name)) report.unresolved(id, 'RegionNotFound', `${path}[${index}] is "${name}": Mesh ${keyOf(mesh.metadata)} has ${known.join(', ') || 'no regions'}`);
  });
  check('spec.regions', spec.regions);
  check('spec.locality.preferLocal.failover', spec.locality?.preferLocal?.failover);
  check('spec.locality.geohash.failover', spec.locality?.geohash?.failover);
}
