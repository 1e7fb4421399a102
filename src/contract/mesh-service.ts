import * as z from 'zod';
import { API_VERSION } from './names';
import { dnsLabel, dnsSubdomain, listMap, objectMeta, portNumber, status, withRules } from './schema';
import { hashKey, retry, timeout, trafficShape } from './traffic';

/** What is spoken on a port. */
export const protocol = z.enum(['http', 'http2', 'grpc', 'tcp']);

const call = z.strictObject({
  service: dnsLabel.describe('Kubernetes Service that is called: the name that the caller uses, `payment`, or `payment-v2` for a version.'),
  namespace: dnsLabel.describe('Its namespace.'),
  timeout: timeout.optional().describe("Bound of this caller's calls, instead of the service's own."),
});

const version = z.strictObject({
  name: dnsLabel.describe('Name of the version.'),
  service: dnsLabel.describe('Kubernetes Service that selects its pods; a backend of routes.'),
});

/** What a rule of an HTTPRoute of this service does that Gateway API cannot say. */
const rulePolicy = withRules(
  z.strictObject({
    rule: z.string().min(1).max(317).describe('`<HTTPRoute name>/<rule name>`, in the namespace of this object.'),
    stickyBy: hashKey.optional().describe('Requests with the same key reach the same backend of the rule, and the same endpoint of it.'),
    retry: retry.optional().describe("Retries of requests that the rule matches, instead of the service's own."),
  }),
  { rule: 'has(self.stickyBy) || has(self.retry)', message: 'stickyBy or retry must be set', holds: (value) => (value.stickyBy ?? value.retry) !== undefined },
);

export const meshServiceSpec = withRules(
  z.strictObject({
    mesh: z.strictObject({ name: dnsSubdomain, namespace: dnsLabel }).describe('The mesh that the service joins.'),
    serviceAccount: dnsSubdomain.describe('Service account of the pods: their identity.'),
    port: z.strictObject({
      number: portNumber.describe('Port of the Kubernetes Service, and of the application in the pod.'),
      protocol: protocol.describe('What is spoken on it. Only http has routes, retries and limits by request in this version.'),
    }).describe('The port that the service serves.'),
    regions: z.array(dnsLabel).min(1).max(64).meta({ 'x-kubernetes-list-type': 'set' })
      .refine((regions) => new Set(regions).size === regions.length, { message: 'a region stands twice' })
      .optional().describe('Regions that the pods run in. Without it wherever the scheduler puts them.'),
    versions: listMap(version, 'name', 32).optional().describe('Versions beside the base version. They get traffic only by routes.'),
    calls: z.array(call).max(1000).optional().describe('What the pods may call. Anything else is refused by their own proxy.'),
    rules: listMap(rulePolicy, 'rule', 256).optional().describe('What rules of routes do that Gateway API cannot say.'),
    ...trafficShape,
  }),
  {
    rule: "self.port.protocol != 'tcp' || (!has(self.retry) && !has(self.rateLimits) && !has(self.rules))",
    message: 'retry, rateLimits and rules need requests: not for protocol tcp',
    holds: (spec) => spec.port.protocol !== 'tcp' || (spec.retry ?? spec.rateLimits ?? spec.rules) === undefined,
  },
);

/** A service: its port, its policies, and whom it calls. Its name and namespace are those of the Kubernetes Service. */
export const meshService = z.looseObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('MeshService'),
  metadata: objectMeta.extend({ name: dnsLabel }),
  spec: meshServiceSpec,
  status: status.optional(),
});

export type MeshServiceSpec = z.infer<typeof meshServiceSpec>;
export type MeshServiceResource = z.infer<typeof meshService>;
