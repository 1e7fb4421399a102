import * as z from 'zod';
import { KIND, apiVersion, dnsLabel, dnsSubdomain, geohash, listMap, listSet, objectMeta, positiveDuration, status } from './schema';

/** A place that workloads run in: xDS locality `region`. */
const region = z.strictObject({
  name: dnsLabel.describe('Value of the node label topology.kubernetes.io/region.'),
  zones: listSet(dnsLabel, 64)
    .describe('Values of topology.kubernetes.io/zone in the region. An endpoint whose zone no region names has no region.'),
  geohashes: listSet(geohash, 256)
    .describe('Geohash prefixes that are served here; the longest match over all regions wins.'),
});

export const meshSpec = z.strictObject({
  trustDomain: dnsSubdomain.describe('SPIFFE trust domain: workloads are spiffe://<trustDomain>/ns/<namespace>/sa/<service account>.'),
  encryption: z.enum(['strict', 'permissive']).default('strict')
    .describe('Mutual TLS between services: strict takes nothing else; permissive takes plain text too, from whoever connects, and counts it.'),
  certificateLifetime: positiveDuration.default('24h')
    .describe('How long the certificate of a workload is valid. It is renewed at about half of that.'),
  clusterDomain: dnsSubdomain.optional().describe('DNS domain of the cluster, in which services are <name>.<namespace>.svc.<domain>; cluster.local without it.'),
  regions: listMap(region, 'name', 64).describe('Regions that services may be placed in.'),
  accessLog: z.strictObject({
    successPercent: z.int().min(0).max(100).describe('Part of the requests answered below 500 that is logged; all others always are.'),
  }).optional().describe('One JSON object a line on standard output of every proxy. Without it nothing is logged.'),
});

/** One trust domain and the settings of all its proxies. */
export const mesh = z.strictObject({
  apiVersion,
  kind: z.literal('Mesh').describe(KIND),
  metadata: objectMeta,
  spec: meshSpec.describe('What the mesh is to be.'),
  status: status.optional().describe('What the control plane made of it.'),
}).describe('One trust domain, the regions of its services, and the settings of all its proxies.');

export type MeshSpec = z.infer<typeof meshSpec>;
export type MeshResource = z.infer<typeof mesh>;
