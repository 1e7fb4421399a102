import * as z from 'zod';
import { CIDR, QUANTITY } from './names';
import { outsideTraffic } from './outside-traffic';
import { KIND, apiVersion, dnsLabel, dnsSubdomain, geohash, listMap, listSet, objectMeta, positiveDuration, status } from './schema';

/** A place that workloads run in: xDS locality `region`. */
const region = z.strictObject({
  name: dnsLabel.describe('Value of the node label topology.kubernetes.io/region.'),
  zones: listSet(dnsLabel, 64)
    .describe('Values of topology.kubernetes.io/zone in the region. An endpoint whose zone no region names has no region.'),
  geohashes: listSet(geohash, 256)
    .describe('Geohash prefixes that are served here; the longest match over all regions wins.'),
});

const port = z.int().min(1).max(65_535);

/** What is not redirected to the proxy of an intercepted pod. */
export const interceptionSpec = z.strictObject({
  excludeInboundPorts: listSet(port, 64).optional().describe('Ports of the pod that are reached directly.'),
  excludeOutboundPorts: listSet(port, 64).optional().describe('Ports that the application reaches directly, wherever they are.'),
  excludeOutboundCidrs: listSet(z.string().max(64).regex(new RegExp(CIDR)), 64).optional().describe('Networks of IPv4 or IPv6 that the application reaches directly.'),
  excludeUids: listSet(z.int().min(0).max(4_294_967_294), 64).optional().describe('Users of the pod whose connections are left alone.'),
});

const amount = z.string().max(24).regex(new RegExp(QUANTITY));
const bounds = z.strictObject({
  'cpu': amount.optional().describe('Processors.'),
  'memory': amount.optional().describe('Bytes of memory.'),
  'ephemeral-storage': amount.optional().describe('Bytes of the local disk.'),
});

/** What the admission webhook puts into pods that ask for it. */
export const injectionSpec = z.strictObject({
  proxy: z.strictObject({
    image: z.string().min(1).max(512).describe('Container image of the sidecar.'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).describe('How much it writes to its log.'),
    concurrency: z.int().min(1).max(64).describe('Threads that serve traffic.'),
    resources: z.strictObject({
      requests: bounds.optional().describe('Requested CPU and memory.'),
      limits: bounds.extend({ memory: amount.describe('The proxy bounds itself by it.') }).describe('Granted CPU and memory.'),
    }).describe('CPU and memory of the sidecar.'),
  }).describe('The sidecar.'),
  interception: interceptionSpec.describe('Connections of these pods that stay out of the mesh.'),
});

export const meshSpec = z.strictObject({
  trustDomain: dnsSubdomain.describe('SPIFFE trust domain: workloads are spiffe://<trustDomain>/ns/<namespace>/sa/<service account>.'),
  encryption: z.enum(['strict', 'permissive']).default('strict')
    .describe('Mutual TLS between services: strict takes nothing else; permissive takes plain text too, from whoever connects, and counts it.'),
  authorization: z.enum(['enforce', 'audit']).default('enforce')
    .describe('Calls that nobody declares: enforce denies them; audit lets them through, and counts what it would deny.'),
  outsideTraffic: outsideTraffic.optional().describe('What pods of services may reach that is no service of the mesh; registered without it. Guests reach everything.'),
  certificateLifetime: positiveDuration.default('24h')
    .describe('How long the certificate of a workload is valid. It is renewed at about half of that.'),
  clusterDomain: dnsSubdomain.optional().describe('DNS domain of the cluster, in which services are <name>.<namespace>.svc.<domain>; cluster.local without it.'),
  regions: listMap(region, 'name', 64).describe('Regions that services may be placed in.'),
  injection: injectionSpec.optional()
    .describe('The sidecar of pods whose namespace, or which themselves, have the label mesh.meshwright.dev/inject: enabled. Without it no pod gets one.'),
  accessLog: z.strictObject({
    successPercent: z.int().min(0).max(100).describe('Part of the requests answered below 500 that is logged; all others always are, and so is whoever was denied.'),
  }).optional().describe('One JSON object a line on standard output of every proxy. Without it only who was denied is logged.'),
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
