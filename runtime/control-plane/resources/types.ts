import type { ExternalServiceResource, MeshResource, MeshServiceResource } from '../../../src/contract';
import type { EndpointSlice, KubernetesService } from './schema/core';
import type { GrpcRoute } from './schema/grpc-route';
import type { HttpRoute } from './schema/http-route';
import type { ReferenceGrant } from './schema/reference-grant';

/** A document as a source found it, before anybody has looked into it. */
export interface RawDocument {
  readonly value: unknown;
  /** Where it stands, for people: `shop/payment.yaml:12`, or the path of an API object. */
  readonly location: string;
}

/** Something that could not be read at all, so that it is not known which objects it holds. */
export interface Unreadable {
  readonly location: string;
  readonly message: string;
}

/** Everything that a source has, at one moment. */
export interface Documents {
  readonly documents: readonly RawDocument[];
  readonly unreadable: readonly Unreadable[];
  /** Names of all namespaces, where the source knows them. */
  readonly namespaces?: ReadonlySet<string>;
  /** Those whose pods get a sidecar. */
  readonly injected?: ReadonlySet<string>;
}

/** Kinds that the control plane reads; every other kind is left alone. */
export interface Kinds {
  Mesh: MeshResource;
  MeshService: MeshServiceResource;
  ExternalService: ExternalServiceResource;
  HTTPRoute: HttpRoute;
  GRPCRoute: GrpcRoute;
  ReferenceGrant: ReferenceGrant;
  Service: KubernetesService;
  EndpointSlice: EndpointSlice;
}
export type Kind = keyof Kinds;

/** Kinds that say where the requests to a service go. */
export type RouteKind = 'HTTPRoute' | 'GRPCRoute';

export function isRouteKind(kind: string): kind is RouteKind {
  return kind === 'HTTPRoute' || kind === 'GRPCRoute';
}

/** Names an object: `HTTPRoute shop/payment-canary`. */
export interface ResourceId {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** A valid object. */
export interface Resource<K extends Kind = Kind> {
  readonly id: ResourceId & { readonly kind: K };
  readonly apiVersion: string;
  readonly location: string;
  /** metadata.generation; where a source has none, 1 and one more for every change. */
  readonly generation: number;
  readonly value: Kinds[K];
}

/** A document that is refused. */
export interface Rejected {
  readonly id: ResourceId;
  readonly apiVersion: string;
  readonly location: string;
  readonly generation: number;
  /** Condition reason: `Invalid`, `UnsupportedValue`, `DuplicateObject`. */
  readonly reason: string;
  /** Each with path, value, rule and fix. */
  readonly messages: readonly string[];
  /** The last valid version of the object stays in force. */
  readonly keepsPrevious: boolean;
}

/** All valid objects at one moment, the last valid version of each; sorted by key. */
export interface ResourceSet {
  readonly resources: { readonly [K in Kind]: ReadonlyMap<string, Resource<K>> };
  readonly rejected: readonly Rejected[];
  readonly unreadable: readonly Unreadable[];
  /** Undefined where they are not known. */
  readonly namespaces?: ReadonlySet<string>;
}

/** `<namespace>/<name>`. */
export function keyOf({ namespace, name }: Pick<ResourceId, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** `HTTPRoute shop/payment-canary`. */
export function describeId(id: ResourceId): string {
  return `${id.kind} ${keyOf(id)}`;
}
