/**
 * The part of Gateway API's GRPCRoute (gateway.networking.k8s.io/v1, GEP-1016) that the mesh runs. A field or feature outside of it refuses the route
 * and is named: what a route asks for and does not get must not go unnoticed.
 */
import * as z from 'zod';
import {
  backendRef, expression, filters, headerMatches, namesDiffer, parentRefs, requestHeaders, requestMirror, responseHeaders, routeMetadata, subdomain,
  withDefault,
} from './route';

const SERVICE = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i;
const METHOD = /^[a-z_][a-z_0-9]*$/i;
const serviceName = z.string().min(1).max(1024).regex(SERVICE, { message: 'must be the full name of a gRPC service, such as shop.v1.Payment' });
const methodName = z.string().min(1).max(1024).regex(METHOD, { message: 'must be the name of a method, such as Authorize' });

const methodMatch = z.preprocess(withDefault('type', 'Exact'), z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Exact'), service: serviceName.optional(), method: methodName.optional() }),
  z.strictObject({ type: z.literal('RegularExpression'), service: expression.optional(), method: expression.optional() }),
]).refine(({ service, method }) => (service ?? method) !== undefined, { message: 'must have service or method, or be left out' }));

const match = z.strictObject({ method: methodMatch.optional(), headers: headerMatches.optional() });

const rule = z.strictObject({
  name: subdomain.optional(),
  matches: z.array(match).max(64).default([]),
  filters: filters(z.discriminatedUnion('type', [requestHeaders, responseHeaders, requestMirror])).default([]),
  backendRefs: z.array(backendRef).max(16).default([]),
});

export const grpcRoute = z.looseObject({
  apiVersion: z.literal('gateway.networking.k8s.io/v1'),
  kind: z.literal('GRPCRoute'),
  metadata: routeMetadata,
  spec: z.strictObject({
    parentRefs,
    rules: z.array(rule).max(16).default([{ matches: [], filters: [], backendRefs: [] }]).refine(namesDiffer, { message: 'has two rules of one name' }),
  }),
});
export type GrpcRoute = z.infer<typeof grpcRoute>;
export type GrpcRouteRule = GrpcRoute['spec']['rules'][number];
export type GrpcRouteMatch = GrpcRouteRule['matches'][number];
