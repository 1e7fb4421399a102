import type * as z from 'zod';
import { API_VERSION, externalService, GROUP, mesh, meshService } from '../../../src/contract';
import { explain } from './explain';
import { endpointSlice, kubernetesService } from './schema/core';
import { grpcRoute } from './schema/grpc-route';
import { httpRoute } from './schema/http-route';
import { referenceGrant } from './schema/reference-grant';
import { isServiceParent } from './schema/route';
import { isRouteKind, type Kind, type Kinds, type RawDocument, type ResourceId } from './types';

/** What a document turned out to be. */
export type Read =
  /** None of the mesh's business. */
  | { readonly kind: 'ignored' }
  /** It claims to be one of ours and does not even say which: its name is missing, for example. */
  | { readonly kind: 'unreadable'; readonly message: string }
  | {
    readonly kind: 'invalid';
    readonly id: ResourceId;
    readonly apiVersion: string;
    readonly generation: number | undefined;
    readonly reason: string;
    readonly messages: readonly string[];
  }
  | { readonly kind: 'valid'; readonly id: ResourceId; readonly apiVersion: string; readonly generation: number | undefined; readonly value: Kinds[Kind] };

const GATEWAY = 'gateway.networking.k8s.io';
const IGNORED: Read = { kind: 'ignored' };

interface Reader {
  readonly kind: Kind;
  /** API group of the kind; any version of it is looked at, so that a wrong one is reported. */
  readonly group: string;
  readonly schema: z.ZodType;
}

const READERS: readonly Reader[] = [
  { kind: 'Mesh', group: GROUP, schema: mesh },
  { kind: 'MeshService', group: GROUP, schema: meshService },
  { kind: 'ExternalService', group: GROUP, schema: externalService },
  { kind: 'HTTPRoute', group: GATEWAY, schema: httpRoute },
  { kind: 'GRPCRoute', group: GATEWAY, schema: grpcRoute },
  { kind: 'ReferenceGrant', group: GATEWAY, schema: referenceGrant },
  { kind: 'Service', group: '', schema: kubernetesService },
  { kind: 'EndpointSlice', group: 'discovery.k8s.io', schema: endpointSlice },
];

/** A source hands out a document that did not change as the same object. */
const seen = new WeakMap<RawDocument, Read>();

/** Validates one document by itself; what it refers to is not looked at. */
export function readDocument(document: RawDocument): Read {
  const read = seen.get(document) ?? readValue(document.value);
  seen.set(document, read);
  return read;
}

function readValue(value: unknown): Read {
  if (!isObject(value)) return { kind: 'unreadable', message: `must be an object with apiVersion and kind, not ${JSON.stringify(value)}` };
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    return { kind: 'unreadable', message: 'apiVersion or kind is missing: every object must have both' };
  }
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const reader = READERS.find((one) => one.kind === kind && one.group === group);
  if (!reader) return unknownKind(group, kind);
  if (isRouteKind(reader.kind) && !hasServiceParent(value)) return IGNORED;
  const { name, namespace, generation } = isObject(metadata) ? metadata : {};
  if (typeof name !== 'string' || name === '') return { kind: 'unreadable', message: `metadata.name of this ${kind} is missing: every object must have one` };
  if (typeof namespace !== 'string' || namespace === '') {
    return { kind: 'unreadable', message: `metadata.namespace of ${kind} ${name} is missing: say which namespace it belongs to` };
  }
  const about = {
    id: { kind: reader.kind, namespace, name }, apiVersion, generation: typeof generation === 'number' ? generation : undefined,
  };
  const parsed = reader.schema.safeParse(value);
  if (!parsed.success) {
    // A route that the Gateway API takes and the mesh does not is none that is broken (RouteReasonUnsupportedValue).
    const reason = isRouteKind(reader.kind) ? 'UnsupportedValue' : 'Invalid';
    return { kind: 'invalid', ...about, reason, messages: explain(parsed.error.issues, value, reader.schema) };
  }
  return { kind: 'valid', ...about, value: deepFreeze(parsed.data) as Kinds[Kind] };
}

/** A kind of our own group that does not exist is a mistake; other groups are other people's. */
function unknownKind(group: string, kind: string): Read {
  if (group !== GROUP) return IGNORED;
  const kinds = READERS.filter((one) => one.group === GROUP).map((one) => one.kind).join(', ');
  return { kind: 'unreadable', message: `kind is ${JSON.stringify(kind)}: ${API_VERSION} has ${kinds}` };
}

function hasServiceParent(value: Record<string, unknown>): boolean {
  const refs = isObject(value.spec) ? value.spec.parentRefs : undefined;
  return Array.isArray(refs) && refs.some(isServiceParent);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
