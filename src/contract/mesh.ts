import * as z from 'zod';
import { API_VERSION } from './names';
import { dnsLabel, dnsSubdomain, listMap, objectMeta, status } from './schema';

/** A place that workloads run in: xDS locality `region`. */
const region = z.strictObject({
  name: dnsLabel.describe('Value of the node label topology.kubernetes.io/region.'),
  zones: z.array(dnsLabel).max(64).meta({ 'x-kubernetes-list-type': 'set' })
    .refine((zones) => new Set(zones).size === zones.length, { message: 'a zone stands twice' })
    .describe('Values of topology.kubernetes.io/zone in the region. An endpoint whose zone no region names has no region.'),
  geohashes: z.array(z.string().min(1).max(12).regex(/^[0-9b-hjkmnp-z]+$/)).max(256).meta({ 'x-kubernetes-list-type': 'set' })
    .refine((prefixes) => new Set(prefixes).size === prefixes.length, { message: 'a prefix stands twice' })
    .describe('Geohash prefixes that are served here; the longest match over all regions wins.'),
});

export const meshSpec = z.strictObject({
  trustDomain: dnsSubdomain.describe('SPIFFE trust domain: workloads are spiffe://<trustDomain>/ns/<namespace>/sa/<service account>.'),
  regions: listMap(region, 'name', 64).describe('Regions that services may be placed in.'),
  accessLog: z.strictObject({
    successPercent: z.int().min(0).max(100).describe('Part of the requests answered below 500 that is logged; all others always are.'),
  }).optional().describe('One JSON object a line on standard output of every proxy. Without it nothing is logged.'),
});

/** One trust domain and the settings of all its proxies. */
export const mesh = z.looseObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Mesh'),
  metadata: objectMeta,
  spec: meshSpec,
  status: status.optional(),
});

export type MeshSpec = z.infer<typeof meshSpec>;
export type MeshResource = z.infer<typeof mesh>;
