/**
 * The whole mesh as the checks see it: what synth is about to emit, in plain data, with the path of the construct that each part comes from.
 * `src/private/graph.ts` makes it from the constructs; a check only reads it.
 */
import type { ExternalServiceSpec } from '../contract/external-service';
import type { MeshSpec } from '../contract/mesh';
import type { MeshServiceSpec } from '../contract/mesh-service';

/** What every part of the graph has. */
export interface GraphNode {
  /** Construct path: `shop/payment`. */
  readonly path: string;
  /** Reasons by code of the warnings that were acknowledged on this construct or one above it. */
  readonly acknowledged: ReadonlyMap<string, string>;
}

export interface MeshNode extends GraphNode {
  readonly name: string;
  readonly namespace: string;
  readonly spec: MeshSpec;
  /** Its control plane asks a Consul. */
  readonly consul?: boolean;
}

/** A service. `<namespace>/<name>` is its key everywhere in the graph. */
export interface ServiceNode extends GraphNode {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  /** Path of its mesh. */
  readonly mesh: string;
  readonly spec: MeshServiceSpec;
  /** The base version first. */
  readonly versions: readonly VersionNode[];
  readonly calls: readonly CallEdge[];
  /** Connections of its pods are redirected to their proxies. */
  readonly intercepted?: boolean;
  /** What the user stated about the service and no manifest shows. */
  readonly facts: ServiceFacts;
}

/** Something outside of the mesh. */
export interface ExternalNode extends GraphNode {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  /** Path of its mesh. */
  readonly mesh: string;
  readonly spec: ExternalServiceSpec;
}

export interface VersionNode extends GraphNode {
  /** `base` for the first. */
  readonly name: string;
  /** Kubernetes Service that selects its pods. */
  readonly service: string;
  readonly replicas: number;
  readonly pod: PodFacts;
}

/** What a pod looks like, sidecar included. */
export interface PodFacts {
  readonly containers: readonly {
    readonly name: string;
    readonly image: string;
    readonly ports: readonly { readonly name: string | undefined; readonly number: number; readonly protocol: string }[];
    readonly env: readonly string[];
    readonly runAsUser: number | undefined;
    readonly isProxy: boolean;
    /** Requested and granted quantities by resource, as Kubernetes writes them; undefined where none is set. */
    readonly resources?: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> };
    /** Ports that probes name, by name. */
    readonly probePorts?: readonly string[];
  }[];
  readonly terminationGracePeriodSeconds: number;
  /** Whether it has the network of its node. */
  readonly hostNetwork?: boolean;
  /** Of a pod whose connections are redirected to its proxy. */
  readonly interception?: {
    /** What the kubelet would ask, and does not get through: `container app: preStop.httpGet`. */
    readonly unanswered: readonly string[];
    /** Ports of the pod that are past the proxy. */
    readonly openPorts: readonly number[];
  };
}

/** One line `caller.calls(upstream)`. */
export interface CallEdge {
  /** Path of the caller. */
  readonly path: string;
  /** Key of the service called; undefined where it is no service of this program. */
  readonly target: string | undefined;
  /** Key of what is called outside of the mesh. */
  readonly external?: string | undefined;
  /** Kubernetes Service that is called, and what errors call it. */
  readonly service: string;
  readonly namespace: string;
  /** Requests a second that the caller states it makes in all; undefined where it does not say. */
  readonly requestsPerSecond: number | undefined;
  /** Requests that the caller states to have in flight at its peaks, of all its pods; undefined where it does not say. */
  readonly concurrentRequests?: number | undefined;
}

export interface ServiceFacts {
  /** Typical time to answer, in milliseconds. */
  readonly expectedLatency: number | undefined;
  /** Methods that the service declares safe to repeat, beside those of RFC 9110 §9.2.2. */
  readonly idempotentMethods: readonly string[];
}

/** A rule of a route, in the order in which they were written. */
export interface RouteRule {
  readonly name: string;
  readonly matches: readonly RouteMatch[];
  readonly backends: readonly RouteBackend[];
  /** What copies go to, as errors call it. */
  readonly mirrors?: readonly string[];
  readonly redirect: boolean;
  /** Milliseconds. */
  readonly totalTimeout: number | undefined;
  readonly perTryTimeout: number | undefined;
  readonly stickyBy: boolean;
  readonly retry: MeshServiceSpec['retry'];
}

/** Gateway API's HTTPRouteMatch; an absent member matches everything. One of a GRPCRoute is the request that a call is. */
export interface RouteMatch {
  readonly path: { readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value: string } | undefined;
  readonly method: string | undefined;
  readonly headers: readonly { readonly name: string; readonly type: 'Exact' | 'RegularExpression'; readonly value: string }[];
  readonly queryParams: readonly { readonly name: string; readonly type: 'Exact' | 'RegularExpression'; readonly value: string }[];
  /** Of a GRPCRoute: characters of service and method, by which the order of its matches goes. */
  readonly grpc?: { readonly service: number; readonly method: number };
}

export interface RouteBackend {
  /** Key of the service that the backend belongs to; undefined where it is none of this program. */
  readonly target: string | undefined;
  /** Key of what it is outside of the mesh. */
  readonly external?: string | undefined;
  /** Version of it; `base` for the service itself. */
  readonly version: string;
  /** Kubernetes Service. */
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly weight: number;
}

export interface RouteNode extends GraphNode {
  /** Name of the HTTPRoute or GRPCRoute. */
  readonly name: string;
  /** A GRPCRoute. */
  readonly grpc?: boolean;
  readonly namespace: string;
  /** Key of the service whose traffic it routes. */
  readonly parent: string | undefined;
  readonly parentName: string;
  readonly rules: readonly RouteRule[];
}

/** Any object that synth emits, for checks of names and uniqueness. */
export interface EmittedObject {
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

export interface MeshGraph {
  readonly meshes: readonly MeshNode[];
  readonly services: readonly ServiceNode[];
  readonly externals: readonly ExternalNode[];
  readonly routes: readonly RouteNode[];
  /** Service by key. */
  readonly byKey: ReadonlyMap<string, ServiceNode>;
  readonly objects: readonly EmittedObject[];
  /** Level of pod security that a namespace of the program enforces, by its name. */
  readonly podSecurity?: ReadonlyMap<string, string>;
}
