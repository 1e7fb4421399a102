import { BASE_VERSION, PROXY_CONTAINER, SERVICE_LABEL, VERSION_LABEL } from '../names';
import { PROXY_UID } from '../ports';
import type { ControlPlanePlace } from './bootstrap';
import type { InterceptionSpec } from './interception';
import { unanswered } from './probes';
import { withSidecar } from './sidecar';
import type { PodIdentity, PodSpec, ProxySettings } from './types';

/** What a mesh puts into pods that it has not written itself. */
export interface InjectionSettings {
  readonly controlPlane: ControlPlanePlace;
  readonly proxy: ProxySettings;
  readonly interception: InterceptionSpec;
}

/** A pod as it is admitted. */
export interface AdmittedPod {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

/** The pod's new spec, and what will not work in it; or why it has none, which is no mistake where `refused` is false. */
export type Injected = { readonly spec: PodSpec; readonly warnings: readonly string[] } | { readonly reason: string; readonly refused: boolean };

/**
 * The same sidecar that synth writes, for a pod that comes without. A pod whose labels name a service of the mesh is of that service; any other is a
 * guest: it has the identity of its service account, and calls everything that there is.
 */
export function injected(pod: AdmittedPod, namespace: string, settings: InjectionSettings): Injected {
  const { spec } = pod;
  const labels = pod.metadata?.labels ?? {};
  if (containers(spec).some(({ name }) => name === PROXY_CONTAINER)) return { reason: 'the pod has its sidecar already', refused: false };
  if (spec.hostNetwork === true) return { reason: 'hostNetwork: a sidecar needs a network of its own; take hostNetwork or the label out', refused: true };
  const user = reservedUser(spec);
  if (user !== undefined) return { reason: user, refused: true };
  const service = labels[SERVICE_LABEL];
  const identity: PodIdentity = {
    ...settings,
    namespace,
    version: labels[VERSION_LABEL] ?? BASE_VERSION,
    ...service === undefined ? { service, serviceAccount: spec.serviceAccountName || 'default' } : { service },
  };
  const injectedSpec = withSidecar(spec, identity, []);
  return { spec: injectedSpec, warnings: service === undefined ? [] : unansweredIn(injectedSpec, settings.interception) };
}

/** A guest takes whatever comes; a service takes nobody without a certificate. */
function unansweredIn(spec: PodSpec, interception: InterceptionSpec): string[] {
  return containers(spec).filter(({ name }) => name !== PROXY_CONTAINER).flatMap((container) => unanswered(container, interception).map((what) => (
    `container ${container.name}: ${what} does not come through, as the kubelet has no certificate: write exec, or exclude its port from interception`)));
}

function containers(spec: PodSpec): readonly { readonly name?: string; readonly securityContext?: { readonly runAsUser?: number } }[] {
  return [...spec.containers ?? [], ...spec.initContainers ?? []];
}

/** What runs as the proxy is taken for the proxy, and goes past the mesh. */
function reservedUser(spec: PodSpec): string | undefined {
  const found = containers(spec).find(({ securityContext }) => (securityContext?.runAsUser ?? spec.securityContext?.runAsUser) === PROXY_UID);
  return found && `container ${found.name} runs as user ${PROXY_UID}, which is the proxy's: its connections would not be redirected; write another runAsUser`;
}
