import { HEALTH_PORT, RESERVED_PORTS } from '../ports';
import type { InterceptionSpec } from './interception';
import type { PodSpec } from './types';

/** A question to the application of the pod, in the words of Kubernetes' `Probe`; ports are numbers. */
export interface AppProbe {
  readonly httpGet?: {
    readonly port: number;
    readonly path?: string;
    readonly scheme?: string;
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly timeoutSeconds?: number;
}

/** Probes by the path of the sidecar's health server that stands for each. */
export type AppProbes = Readonly<Record<string, AppProbe>>;

type Container = Record<string, any>;

/** What Kubernetes calls the probes of a container, and what our paths do. */
const PROBES = { startupProbe: 'startup', readinessProbe: 'readiness', livenessProbe: 'liveness' } as const;
const KINDS = ['httpGet', 'tcpSocket', 'grpc'] as const;

/**
 * The containers with probes that come through: the kubelet connects from outside of the pod and has no certificate, so it asks the sidecar's health
 * server instead, which asks the application over the loopback. How often, and what a failure means, stays as it was. Probes of excluded ports, by
 * `exec`, and of other hosts need nobody.
 */
export function probesBySidecar(pod: PodSpec, { excludeInboundPorts = [] }: InterceptionSpec): { readonly pod: PodSpec; readonly probes: AppProbes } {
  const probes: Record<string, AppProbe> = {};
  const direct = new Set([...RESERVED_PORTS, ...excludeInboundPorts]);
  const asked = (container: Container): Container => {
    const replaced: Container = {};
    for (const [member, name] of Object.entries(PROBES)) {
      const probe = appProbe(container[member], container, direct);
      if (probe === undefined) continue;
      const path = `/app-health/${container.name}/${name}`;
      probes[path] = probe;
      const { httpGet: _, tcpSocket: __, grpc: ___, ...rest } = container[member];
      replaced[member] = { httpGet: { path, port: HEALTH_PORT }, ...rest };
    }
    return Object.keys(replaced).length === 0 ? container : { ...container, ...replaced };
  };
  const containers = (pod.containers ?? []).map(asked);
  const initContainers = pod.initContainers?.map(asked);
  return { pod: { ...pod, containers, ...initContainers && { initContainers } }, probes };
}

/** A probe that would be redirected to the proxy; undefined for any other. */
function appProbe(probe: Record<string, any> | undefined, container: Container, direct: ReadonlySet<number>): AppProbe | undefined {
  const kind = KINDS.find((one) => probe?.[one] !== undefined);
  if (kind === undefined) return undefined;
  const { host, port: named, ...action } = probe![kind];
  const port = portOf(named, container);
  if (port === undefined || direct.has(port) || (host ?? '') !== '') return undefined;
  const { timeoutSeconds } = probe!;
  return { [kind]: { port, ...action }, ...timeoutSeconds !== undefined && { timeoutSeconds } };
}

/** Questions of the kubelet to a container that would be redirected to the proxy, and nobody answers: `readinessProbe.grpc`, `preStop.httpGet`. */
export function unanswered(container: Container, { excludeInboundPorts = [] }: InterceptionSpec): string[] {
  const direct = new Set([...RESERVED_PORTS, ...excludeInboundPorts]);
  const { postStart, preStop } = container.lifecycle ?? {};
  const asked = { ...Object.fromEntries(Object.keys(PROBES).map((member) => [member, container[member]])), postStart, preStop };
  return Object.entries(asked).flatMap(([member, question]) => {
    const probe = appProbe(question, container, direct);
    return KINDS.filter((kind) => probe?.[kind] !== undefined).map((kind) => `${member}.${kind}`);
  });
}

/** The number of a port; undefined for a name that the container does not have. */
export function portOf(port: unknown, { ports = [] }: Container): number | undefined {
  return typeof port === 'number' ? port : ports.find(({ name }: { name?: string }) => name === port)?.containerPort;
}

/** An argument as the kubelet hands it on to the letter: it would take `$(NAME)` for a variable. */
export function literal(argument: string): string {
  return argument.replaceAll('$', '$$$$');
}
