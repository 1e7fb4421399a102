import * as z from 'zod';
import { CERTIFICATES, DNS_LABEL, HOSTNAME, IP_ADDRESS } from './names';
import { outboundProtocolRules } from './protocol-rules';
import { KIND, LABEL_RULE, VALIDATIONS, apiVersion, dnsLabel, listMap, matching, meshReference, objectMeta, portNumber, status, withRules } from './schema';
import { outboundShape, protocol } from './traffic';

const endpoint = z.strictObject({
  address: matching(IP_ADDRESS, 45, 'must be an address of IPv4 or IPv6').describe('Its address.'),
  port: portNumber.optional().describe('Its port. That of the service without it.'),
});

const shape = z.strictObject({
  mesh: meshReference,
  hostname: matching(HOSTNAME, 253, 'must be a host name of at least two labels in lower case, such as api.example.com')
    .describe('Name by which it is called, which its certificate has, and which the DNS knows.'),
  port: z.strictObject({
    number: portNumber.describe('Port at which it is reached.'),
    protocol: protocol.describe('What is spoken on it, within TLS.'),
  }).describe('Its port.'),
  tls: z.strictObject({
    caCertificates: matching(CERTIFICATES, 262_144, 'must be certificates in PEM, with nothing before and between them').optional()
      .describe('Authorities that its certificate has to come from, in PEM. The public ones without it.'),
  }).optional().describe('The proxy of each caller speaks TLS to it, and judges its certificate. Without it what is sent there is in plain text.'),
  endpoints: listMap(endpoint, 'address', 64, 1).optional().describe('Where it is reached. Where the DNS says without it.'),
  ...outboundShape,
});

export const externalServiceSpec = withRules(shape, ...outboundProtocolRules);

/** Something outside of the mesh that its services call. */
export const externalService = z.strictObject({
  apiVersion,
  kind: z.literal('ExternalService').describe(KIND),
  metadata: objectMeta.extend({ name: dnsLabel }),
  spec: externalServiceSpec.describe('What it is, and how it is called.'),
  status: status.optional().describe('What the control plane made of it.'),
}).describe('Something outside of the mesh that its services call, by its host name.').meta({
  [VALIDATIONS]: [{ rule: `size(self.metadata.name) <= 63 && self.metadata.name.matches('${DNS_LABEL}')`, message: `metadata.name ${LABEL_RULE}` }],
});

export type ExternalServiceSpec = z.infer<typeof externalServiceSpec>;
export type ExternalServiceResource = z.infer<typeof externalService>;
