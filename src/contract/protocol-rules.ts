import type { CelRule } from './schema';
import type { OutboundSpec } from './traffic';

/** What the rules about protocols read. */
interface Spoken extends OutboundSpec {
  readonly port: { readonly protocol: 'http' | 'http2' | 'grpc' | 'tcp' };
}

/** What is said of a member that is about requests. */
export const WITHOUT_REQUESTS = 'must not be set with protocol tcp: there are no requests, only connections';

/** What callers may do with traffic depends on what is spoken. */
export const outboundProtocolRules: readonly CelRule<Spoken>[] = [
  { member: 'retry', rule: "self.port.protocol != 'tcp' || !has(self.retry)", message: WITHOUT_REQUESTS, holds: (spec) => spec.port.protocol !== 'tcp' || spec.retry === undefined },
  {
    member: 'timeout',
    rule: "self.port.protocol != 'tcp' || !has(self.timeout) || (!has(self.timeout.total) && !has(self.timeout.perTry))",
    message: 'must not have total or perTry with protocol tcp: there are no requests, only connections',
    holds: ({ port, timeout }) => port.protocol !== 'tcp' || (timeout?.total ?? timeout?.perTry) === undefined,
  },
  {
    member: 'timeout',
    rule: "self.port.protocol == 'tcp' || !has(self.timeout) || !has(self.timeout.idle)",
    message: 'must not have idle with a protocol that has requests: how long those may take is bounded by total and perTry',
    holds: ({ port, timeout }) => port.protocol === 'tcp' || timeout?.idle === undefined,
  },
  {
    member: 'healthCheck',
    rule: "self.port.protocol == 'grpc' || self.port.protocol == 'http2' || !has(self.healthCheck) || !has(self.healthCheck.grpc)",
    message: 'must not be grpc with a protocol other than grpc and http2',
    holds: ({ port, healthCheck }) => port.protocol === 'grpc' || port.protocol === 'http2' || healthCheck?.grpc === undefined,
  },
  {
    member: 'healthCheck',
    rule: "self.port.protocol != 'tcp' || !has(self.healthCheck) || has(self.healthCheck.tcp)",
    message: 'must be tcp with protocol tcp: there are no requests',
    holds: ({ port, healthCheck }) => port.protocol !== 'tcp' || healthCheck === undefined || healthCheck.tcp !== undefined,
  },
  {
    member: 'bulkhead',
    rule: "self.port.protocol != 'tcp' || !has(self.bulkhead) || (!has(self.bulkhead.maxPendingRequests) && !has(self.bulkhead.maxRequests))",
    message: 'must have maxConnections only with protocol tcp: there are no requests',
    holds: ({ port, bulkhead }) => port.protocol !== 'tcp' || (bulkhead?.maxPendingRequests ?? bulkhead?.maxRequests) === undefined,
  },
  {
    member: 'loadBalancer',
    rule: "self.port.protocol != 'tcp' || !has(self.loadBalancer.ringHash) || has(self.loadBalancer.ringHash.key.sourceIp)",
    message: 'must hash sourceIp with protocol tcp: there are no requests to take another key from',
    holds: ({ port, loadBalancer }) => port.protocol !== 'tcp' || loadBalancer.ringHash === undefined || loadBalancer.ringHash.key.sourceIp !== undefined,
  },
];
