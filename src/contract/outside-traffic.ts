import * as z from 'zod';
import { CIDR, HOST_PATTERN } from './names';
import { listSet, matching, withRules } from './schema';

/** What is said of a text that is no pattern of host names. */
const PATTERN_RULE = 'must be a host name such as api.example.com, or a suffix of some such as *.example.com';

/** What the pods of a service may reach that is no service of the mesh. */
export const outsideTraffic = withRules(
  z.strictObject({
    policy: z.enum(['none', 'registered', 'any'])
      .describe('With none nothing; with registered each ExternalService that is called, and what stands here beside; with any everything.'),
    hosts: listSet(matching(HOST_PATTERN, 253, PATTERN_RULE), 64).optional()
      .describe('Names that connections of TLS to port 443 may ask for (SNI), and requests to port 80 (Host), where connections are intercepted.'),
    networks: listSet(matching(CIDR, 64, 'must be a network of IPv4 or IPv6, such as 203.0.113.0/24'), 64).optional()
      .describe('Networks that connections may go to, where they are intercepted.'),
  }),
  ...(['hosts', 'networks'] as const).map((member) => ({
    member,
    rule: `self.policy == 'registered' || !has(self.${member})`,
    message: 'must not be set with a policy other than registered, which says all by itself',
    holds: (value: { policy: string; hosts?: unknown; networks?: unknown }) => value.policy === 'registered' || value[member] === undefined,
  })),
);

export type OutsideTrafficSpec = z.infer<typeof outsideTraffic>;
