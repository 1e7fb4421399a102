/** What runs on this machine and in which state it is: plain data between the steps of `runtime/local`. */

/** A Kubernetes object as a manifest holds it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

/** Something that keeps a manifest, or a part of it, from being run. Names the file or object, the bad value, the rule and the fix. */
export interface Problem {
  /** `shop.k8s.yaml#3` or `Deployment/shop/payment`. */
  readonly where: string;
  readonly message: string;
}

/** One process of a pod. */
export interface ProcessSpec {
  /** Name of the container. */
  readonly name: string;
  readonly role: 'proxy' | 'app' | 'control-plane';
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** The token of a pod's service account, as the kubelet would mount it. */
export interface PodIdentity {
  readonly serviceAccount: string;
  readonly token: string;
  readonly tokenFile: string;
}

/** A pod that should run. */
export interface PodSpec {
  /** Unique in its namespace; with the hash of its template in it, as a Deployment's pods have it. */
  readonly name: string;
  readonly namespace: string;
  /** `Deployment/shop/payment`. */
  readonly workload: string;
  /** MeshService that the pod belongs to; undefined for a control plane, and for what plays something outside of the mesh. */
  readonly service: string | undefined;
  readonly version: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** Topology zone that this machine plays for the pod; undefined where the mesh has no zones. */
  readonly zone: string | undefined;
  readonly region: string | undefined;
  /** Named ports of the pod's containers, and the ports that must take connections before the pod is ready. */
  readonly namedPorts: Readonly<Record<string, number>>;
  readonly appPorts: readonly number[];
  /** Port that answers 200 to `/ready` once the proxy (or control plane) is ready; undefined where there is none. */
  readonly readyPort: number | undefined;
  /** By what its proxy proves who it is; undefined where nobody asks. */
  readonly identity: PodIdentity | undefined;
  /** Changes with everything that a running pod cannot take over. */
  readonly hash: string;
  readonly processes: readonly ProcessSpec[];
  /** The application's own switch for faults: port on the pod's address and the words that it takes. */
  readonly control: { readonly port: number; readonly verbs: readonly string[] } | undefined;
}

/** A workload and its pods; the pods of a StatefulSet keep their names, so a changed one is replaced in place. */
export interface WorkloadSpec {
  readonly id: string;
  readonly inPlace: boolean;
  readonly pods: readonly PodSpec[];
}

/** State of one process. Times are those of the runner's clock. */
export type ProcessState =
  | { readonly status: 'up'; readonly pid: number; readonly since: number; readonly failures: number; readonly signalled: number | undefined; readonly killed: boolean }
  | { readonly status: 'down'; readonly failures: number; readonly retryAt: number };

/** running ⇒ draining (callers are told to go elsewhere) ⇒ stopping (processes are told to end) ⇒ forgotten. */
export type PodPhase = 'running' | 'draining' | 'stopping';

/** State of one pod. */
export interface PodState {
  readonly spec: PodSpec;
  readonly phase: PodPhase;
  /** When the phase began. */
  readonly since: number;
  /** The last probe of proxy and application, and no process down since. */
  readonly ready: boolean;
  readonly processes: ReadonlyMap<string, ProcessState>;
  /** Somebody stopped the pod on purpose: nothing of it is started again until it is released. */
  readonly held: boolean;
  /** Processes that ended without having been told to. */
  readonly restarts: number;
}

/** `namespace/name`. */
export function podKey(pod: { readonly namespace: string; readonly name: string }): string {
  return `${pod.namespace}/${pod.name}`;
}
