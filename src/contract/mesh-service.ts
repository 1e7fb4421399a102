import * as z from 'zod';
import { allowed } from './authorization';
import { CONSUL_NAME, DNS_LABEL } from './names';
import { outsideTraffic } from './outside-traffic';
import { outboundProtocolRules, WITHOUT_REQUESTS } from './protocol-rules';
import { KIND, LABEL_RULE, VALIDATIONS, apiVersion, dnsLabel, dnsSubdomain, listMap, listSet, meshReference, objectMeta, portNumber, routeRule, status, withRules } from './schema';
import { hashKey, protocol, requestTimeout, retry, trafficShape } from './traffic';

const call = z.strictObject({
  service: dnsLabel.describe('Kubernetes Service that is called, `payment`, or `payment-v2` for a version; or the ExternalService.'),
  namespace: dnsLabel.describe('Its namespace.'),
  timeout: requestTimeout.optional().describe("Bound of this caller's calls, instead of the service's own."),
  localPort: portNumber.optional().describe('Port of the loopback at which a tcp service is reached in the pods. The number of its own port without it.'),
  allow: z.array(allowed).min(1).max(32).optional().describe('What may be asked for; anything else the called denies. Everything without it.'),
});

const version = z.strictObject({
  name: dnsLabel.describe('Name of the version.'),
  service: dnsLabel.describe('Kubernetes Service that selects its pods; a backend of routes.'),
});

/** What a rule of an HTTPRoute of this service does that Gateway API cannot say. */
const rulePolicy = withRules(
  z.strictObject({
    rule: routeRule.describe('`<HTTPRoute name>/<rule name>`, in the namespace of this object.'),
    stickyBy: hashKey.optional().describe('Requests with the same key reach the same backend of the rule; with a ring hash, the same endpoint of it too.'),
    retry: retry.optional().describe("Retries of requests that the rule matches, instead of the service's own."),
  }),
  { rule: 'has(self.stickyBy) || has(self.retry)', message: 'stickyBy or retry must be set', holds: (value) => (value.stickyBy ?? value.retry) !== undefined },
);

const consulName = z.string().min(1).max(128).regex(new RegExp(CONSUL_NAME), { message: 'must be letters, digits, dots, underscores and hyphens' });

/** Where endpoints are that no EndpointSlice has. */
const discovery = z.strictObject({
  consul: z.strictObject({
    service: consulName.describe('Name of the service in Consul.'),
    datacenter: consulName.optional().describe("Its datacenter. That of Consul's agent without it."),
    tags: listSet(consulName, 16, 1).optional().describe('Only instances that have all of these tags.'),
  }).describe('Instances that Consul has, by their own addresses and ports; those with a critical check get nothing.'),
});

const shape = z.strictObject({
  mesh: meshReference,
  serviceAccount: dnsSubdomain.describe('Service account of the pods: their identity.'),
  port: z.strictObject({
    number: portNumber.describe('Port of the Kubernetes Service, and of the application in the pod.'),
    protocol: protocol.describe('What is spoken on it: HTTP/1.1, HTTP/2 without TLS, gRPC, or bytes, which have no routes, retries and limits by request.'),
    detect: z.boolean().optional().describe('With protocol tcp: the proxies see by the first bytes of a connection whether it is HTTP, whose requests are judged and logged.'),
  }).describe('The port that the service serves.'),
  discovery: discovery.optional().describe('Where the service has endpoints beside its pods.'),
  dataPlane: z.enum(['proxyless-grpc', 'none']).optional()
    .describe('What the pods have instead of a sidecar: proxyless-grpc is a library of gRPC that asks the control plane itself; none is nothing. Either '
      + 'serves in plain text, and callers send it plain text. A sidecar without it.'),
  encryption: z.enum(['strict', 'permissive']).optional()
    .describe('What the pods take, instead of what the mesh says: strict is mutual TLS alone; permissive takes plain text too, from anybody, and counts it.'),
  authorization: z.enum(['enforce', 'audit']).optional()
    .describe('Calls to it that nobody declares, instead of what the mesh says: enforce denies them, audit counts them.'),
  outsideTraffic: outsideTraffic.optional().describe('What the pods may reach that is no service of the mesh, instead of what the mesh says.'),
  regions: listSet(dnsLabel, 64, 1).optional().describe('Regions that the pods run in. Without it wherever the scheduler puts them.'),
  versions: listMap(version, 'name', 32).optional().describe('Versions beside the base version. They get traffic only by routes.'),
  calls: listMap(call, ['service', 'namespace'], 1000).optional().describe('What the pods may call. Anything else is refused by their own proxy.'),
  rules: listMap(rulePolicy, 'rule', 256).optional().describe('What rules of routes do that Gateway API cannot say.'),
  ...trafficShape,
});
/** What the rules about bytes read. */
type BytesShape = z.infer<typeof shape>;

export const meshServiceSpec = withRules(
  shape,
  ...outboundProtocolRules,
  {
    member: 'port',
    rule: "!has(self.port.detect) || !self.port.detect || self.port.protocol == 'tcp'",
    message: 'must not have detect with a protocol other than tcp: what is declared is not detected',
    holds: ({ port }: BytesShape) => port.detect !== true || port.protocol === 'tcp',
  },
  ...(['rateLimits', 'rules', 'compression', 'digest', 'sizeLimits', 'faults', 'authentication'] as const).map((member) => ({
    member, rule: `self.port.protocol != 'tcp' || !has(self.${member})`, message: WITHOUT_REQUESTS, holds: (spec: BytesShape) => spec.port.protocol !== 'tcp' || spec[member] === undefined,
  })),
  {
    member: 'sizeLimits',
    rule: "self.port.protocol != 'grpc' || !has(self.sizeLimits) || !has(self.sizeLimits.requestBodyBytes)",
    message: 'must not have requestBodyBytes with protocol grpc: a call may go on for ever, its messages are what is bounded',
    holds: ({ port, sizeLimits }: BytesShape) => port.protocol !== 'grpc' || sizeLimits?.requestBodyBytes === undefined,
  },
  {
    member: 'sizeLimits',
    rule: "self.port.protocol != 'http' || !has(self.sizeLimits) || !has(self.sizeLimits.grpcMessageBytes)",
    message: 'must not have grpcMessageBytes with protocol http: gRPC needs HTTP/2',
    holds: ({ port, sizeLimits }: BytesShape) => port.protocol !== 'http' || sizeLimits?.grpcMessageBytes === undefined,
  },
  {
    member: 'locality',
    rule: "self.port.protocol != 'tcp' || !has(self.locality) || !has(self.locality.geohash)",
    message: 'must be preferLocal with protocol tcp: there are no requests to take a geohash from',
    holds: ({ port, locality }: BytesShape) => port.protocol !== 'tcp' || locality?.geohash === undefined,
  },
);

/** A service: its port, its policies, and whom it calls. Its name and namespace are those of the Kubernetes Service. */
export const meshService = z.strictObject({
  apiVersion,
  kind: z.literal('MeshService').describe(KIND),
  metadata: objectMeta.extend({ name: dnsLabel }),
  spec: meshServiceSpec.describe('What the service is to be.'),
  status: status.optional().describe('What the control plane made of it.'),
}).describe('A service of a mesh: its port, the policies of the traffic to it, and whom it calls. Named as its Kubernetes Service.').meta({
  // The API server admits any DNS subdomain as a name; zod says the same by `dnsLabel` above.
  [VALIDATIONS]: [{ rule: `size(self.metadata.name) <= 63 && self.metadata.name.matches('${DNS_LABEL}')`, message: `metadata.name ${LABEL_RULE}` }],
});

export type MeshServiceSpec = z.infer<typeof meshServiceSpec>;
export type MeshServiceResource = z.infer<typeof meshService>;
