import * as z from 'zod';
import { dnsLabel } from './schema';

/**
 * What a proxy says of itself in `Node.metadata` of its bootstrap, as the construct of its service wrote it. `Node.id` is
 * `<pod>.<namespace>`, `Node.cluster` is `<service>.<namespace>`.
 */
export const nodeMetadata = z.looseObject({
  service: dnsLabel.describe('The MeshService that the pod belongs to.'),
  namespace: dnsLabel.describe('Namespace of the pod.'),
  version: dnsLabel.describe('Version of the service; `base` for the first.'),
  podIp: z.string().min(1).describe('Address of the pod: what the inbound listener binds.'),
  loopback: z.string().min(1).default('127.0.0.1').describe('Address at which the proxy and the application of the pod reach each other.'),
});

export type NodeMetadata = z.infer<typeof nodeMetadata>;
