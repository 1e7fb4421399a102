import * as z from 'zod';
import { dnsLabel, dnsSubdomain } from './schema';

/**
 * What a proxy says of itself in `Node.metadata` of its bootstrap, as the construct of its service wrote it. `Node.id` is
 * `<pod>.<namespace>`, `Node.cluster` is `<service>.<namespace>`.
 */
export const nodeMetadata = z.looseObject({
  service: dnsLabel.optional().describe('The MeshService that the pod belongs to; without it the pod is a guest, known by its service account alone.'),
  serviceAccount: dnsSubdomain.optional().describe('Of a guest: the service account of the pod.'),
  namespace: dnsLabel.describe('Namespace of the pod.'),
  version: dnsLabel.describe('Version of the service; `base` for the first.'),
  podIp: z.string().min(1).describe('Address of the pod: what the inbound listener binds.'),
  podIps: z.string().optional().describe('All addresses of the pod, with commas between them.'),
  loopback: z.string().min(1).default('127.0.0.1').describe('Address at which the proxy and the application of the pod reach each other.'),
  svid: z.union([z.enum(['ads', 'static']), z.string().regex(/^\//).max(1024)], 'must be ads, static, or the path of a file').default('ads')
    .describe('Where the proxy has its certificate from: `ads` as our own, which brings it itself; `static`: the secret `svid` of its bootstrap, as an Envoy '
      + 'has it; a path: a file that has the secret `svid`, and is replaced with the certificate.'),
  intercepted: z.boolean().optional().describe('Whether connections of the pod are redirected to the proxy, which then knows where they were meant to go.'),
}).refine(({ service, serviceAccount }) => service !== undefined || serviceAccount !== undefined, {
  message: 'is missing, and serviceAccount too: one of them says who the pod is', path: ['service'],
});

export type NodeMetadata = z.infer<typeof nodeMetadata>;
