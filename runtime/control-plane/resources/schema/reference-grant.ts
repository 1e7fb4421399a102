import * as z from 'zod';
import { DNS_LABEL } from '../../../../src/contract';

/** Gateway API's ReferenceGrant: routes of other namespaces may name Services of this one. */
export const referenceGrant = z.looseObject({
  apiVersion: z.enum(['gateway.networking.k8s.io/v1beta1', 'gateway.networking.k8s.io/v1']),
  kind: z.literal('ReferenceGrant'),
  metadata: z.looseObject({ name: z.string().min(1), namespace: z.string().min(1) }),
  spec: z.strictObject({
    from: z.array(z.strictObject({ group: z.string(), kind: z.string().min(1), namespace: z.string().regex(new RegExp(DNS_LABEL)) })).min(1).max(16),
    to: z.array(z.strictObject({ group: z.string(), kind: z.string().min(1), name: z.string().min(1).optional() })).min(1).max(16),
  }),
});
export type ReferenceGrant = z.infer<typeof referenceGrant>;
