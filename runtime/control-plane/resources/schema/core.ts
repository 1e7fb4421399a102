/**
 * Kubernetes' own objects, as far as the mesh reads them. Other people write them, so what is not read here is nobody's business: unknown fields
 * are ignored.
 */
import * as z from 'zod';

const metadata = z.looseObject({
  name: z.string().min(1).max(253),
  namespace: z.string().min(1).max(63),
  labels: z.record(z.string(), z.string()).optional(),
});

const port = z.int().min(1).max(65_535);

export const kubernetesService = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata,
  spec: z.looseObject({
    ports: z.array(z.looseObject({
      name: z.string().optional(), port, protocol: z.string().optional(), appProtocol: z.string().optional(),
    })).default([]),
    /** Its addresses; `None` of a headless one, which has none. */
    clusterIPs: z.array(z.string()).optional(),
  }),
});
export type KubernetesService = z.infer<typeof kubernetesService>;

/** Label of an EndpointSlice: the Service that it belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Label of EndpointSlices that were made of what Consul has: each has one port, of no name. */
export const CONSUL_SLICE_LABEL = 'mesh.meshwright.dev/consul';

export const endpointSlice = z.looseObject({
  apiVersion: z.literal('discovery.k8s.io/v1'),
  kind: z.literal('EndpointSlice'),
  metadata,
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  ports: z.array(z.looseObject({ name: z.string().nullish(), port: port.nullish(), protocol: z.string().nullish() })).nullish(),
  endpoints: z.array(z.looseObject({
    addresses: z.array(z.string().min(1)).min(1),
    conditions: z.looseObject({
      ready: z.boolean().nullish(), serving: z.boolean().nullish(), terminating: z.boolean().nullish(),
    }).nullish(),
    zone: z.string().nullish(),
  })).nullish(),
}).superRefine((slice, context) => {
  const address = { IPv4: z.ipv4(), IPv6: z.ipv6(), FQDN: z.string() }[slice.addressType];
  slice.endpoints?.forEach(({ addresses }, endpoint) => addresses.forEach((one, index) => {
    if (!address.safeParse(one).success) {
      context.addIssue({
        code: 'custom',
        path: ['endpoints', endpoint, 'addresses', index],
        input: one,
        message: `must be an ${slice.addressType} address, as addressType says`,
      });
    }
  }));
});
export type EndpointSlice = z.infer<typeof endpointSlice>;
