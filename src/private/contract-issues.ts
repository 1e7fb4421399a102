import type { Finding } from '../check/finding';
import type { meshService } from '../contract/mesh-service';
import { Code, error, shown } from './finding';

/** What a schema of the contract says of a document that does not hold it. */
export type ContractIssue = NonNullable<ReturnType<typeof meshService.safeParse>['error']>['issues'][number];

/** How the SDK calls what the contract calls otherwise; `*` is an index. */
const WORDS: Readonly<Record<string, string>> = {
  'metadata.name': 'name',
  'spec.port.number': 'port',
  'spec.port.protocol': 'port',
  'spec.mesh.name': 'mesh',
  'spec.discovery.consul': 'discovery',
  'spec.discovery.consul.service': 'discovery.service',
  'spec.discovery.consul.datacenter': 'discovery.datacenter',
  'spec.discovery.consul.tags': 'discovery.tags',
  'spec.discovery.consul.tags.*': 'discovery.tags',
  'spec.authentication.jwt': 'authentication',
  'spec.authentication.jwt.token': 'authentication.token',
  'spec.authentication.jwt.providers.0': 'authentication',
  'spec.authentication.jwt.providers.0.keys': 'authentication',
  'spec.authentication.jwt.providers.0.keys.refreshAfter': 'authentication.refreshKeysAfter',
  'spec.authentication.jwt.providers.0.keys.keepFor': 'authentication.keepKeysFor',
  'spec.authentication.jwt.providers': 'authentication.anyOf',
  'spec.authentication.jwt.providers.*.keys.refreshAfter': 'authentication.anyOf.refreshKeysAfter',
  'spec.authentication.jwt.providers.*.keys.keepFor': 'authentication.anyOf.keepKeysFor',
  'spec.authentication.jwt.withoutToken': 'authentication.pathsWithoutToken',
  'spec.sizeLimits.requestBodyBytes': 'sizeLimits.requestBody',
  'spec.sizeLimits.grpcMessageBytes': 'sizeLimits.grpcMessage',
  'spec.healthCheck.http.path': 'healthCheck.path',
  'spec.retry.retryOn': 'retry.on',
  'spec.retry.backoff': 'retry',
  'spec.retry.backoff.baseInterval': 'retry.baseInterval',
  'spec.retry.backoff.maxInterval': 'retry.maxInterval',
  'spec.retry.backoff.jitterPercent': 'retry.jitterPercent',
};

/** What to write instead, by the member's name or the end of its path; the longest that fits is taken. */
const FIXES: Readonly<Record<string, string>> = {
  'name': 'give the construct another id, or set its name',
  'port': 'write ServicePort.http(8080)',
  'requestBody': 'write SizeLimits.of({ requestBody: Size.mebibytes(1) })',
  'grpcMessage': 'write SizeLimits.of({ grpcMessage: Size.mebibytes(4) })',
  'sizeLimits': 'write SizeLimits.of({ requestBody: Size.mebibytes(1) }), or leave sizeLimits out',
  'healthCheck': 'write HealthCheck.http(\'/healthz\'), HealthCheck.grpc(\'\') or HealthCheck.tcp()',
  'healthCheck.interval': 'write interval: Duration.seconds(5), or leave it out',
  'healthCheck.timeout': 'write timeout: Duration.seconds(1), or leave it out',
  'unhealthyThreshold': 'write unhealthyThreshold: 3, or leave it out',
  'healthyThreshold': 'write healthyThreshold: 2, or leave it out',
  'path': 'write a path, such as HealthCheck.http(\'/healthz\')',
  'grpc.service': 'write the full name of a service, such as shop.v1.Quotes, or an empty text',
  'discovery.service': 'write the name that Consul has, such as Discovery.consul(\'payment\')',
  'discovery.datacenter': 'write the name that Consul has, such as datacenter: \'dc1\', or leave it out',
  'discovery.tags': 'name each tag once, such as tags: [\'v1\'], or leave it out',
  'abort.statusCode': 'write a status of an answer, such as Fault.abort(503, 10)',
  'delay.duration': 'write Fault.delay(Duration.millis(500), 10)',
  'faults.percent': 'write a whole number, such as Fault.abort(503, 10) for a tenth of the requests',
  'faults': 'write faults: [Fault.abort(503, 10)]',
  'issuer': 'write the issuer as its tokens have it, such as JwtAuthentication.oidc(\'https://login.example\', …)',
  'jwksUri': 'write the URL of its keys, such as \'https://login.example/jwks\'',
  'audiences': 'write who the tokens are for, such as audiences: [\'payment\']',
  'authentication': 'write JwtAuthentication.oidc(…) or JwtAuthentication.jwks(…), or leave authentication out',
  'anyOf': 'name each issuer once, four at most, such as JwtAuthentication.anyOf(JwtAuthentication.oidc(…), JwtAuthentication.oidc(…))',
  'authentication.caCertificates': 'write the authorities as PEM has them, such as readFileSync(\'ca.pem\', \'utf8\'), or leave caCertificates out',
  'authentication.token': 'write token: TokenRequirement.REQUIRED, or leave it out',
  'forwardToken': 'write forwardToken: true, or leave it out',
  'claimHeaders': 'write claimHeaders: { \'x-user\': \'sub\' }, or leave it out',
  'claimHeaders.header': 'write a name that begins with x-, such as claimHeaders: { \'x-user\': \'sub\' }',
  'claimHeaders.claim': 'write the name of a claim, such as claimHeaders: { \'x-user\': \'sub\' }',
  'clockSkew': 'write clockSkew: Duration.seconds(60), or leave it out',
  'refreshKeysAfter': 'write refreshKeysAfter: Duration.minutes(10), or leave it out',
  'keepKeysFor': 'write keepKeysFor: Duration.hours(24), or Duration.seconds(0) to fail closed',
  'pathsWithoutToken': 'write pathsWithoutToken: [StringMatch.exact(\'/healthz\')], or StringMatch.prefix; there are no regular expressions',
  'pathsWithoutToken.exact': 'write StringMatch.exact(\'/healthz\')',
  'pathsWithoutToken.prefix': 'write StringMatch.prefix(\'/public\')',
  'pathsWithoutToken.regex': 'write StringMatch.exact(\'/healthz\'), or StringMatch.prefix(\'/public\'); there are no regular expressions',
  'claims': 'write claims: [Claim.scope(\'payments:write\')], or leave claims out',
  'claims.name': 'write the name of a claim, such as Claim.exactly(\'tier\', \'gold\'); a scope as Claim.scope(\'payments:write\')',
  'claims.equals': 'write the text of the claim, such as Claim.exactly(\'tier\', \'gold\')',
  'claims.contains': 'write one of its values, such as Claim.scope(\'payments:write\')',
  'clusterDomain': 'write clusterDomain: \'cluster.example\', or leave it out for cluster.local',
  'attempts': 'write attempts: 3, or leave retry out',
  'retry.on': 'name each reason once, such as on: [RetryOn.CONNECT_FAILURE, RetryOn.GATEWAY_ERROR]',
  'methods': 'name each method once, or leave methods out: the idempotent ones',
  'jitterPercent': 'write jitterPercent: 25, or leave it out',
  'total': 'write Timeout.total(Duration.seconds(2))',
  'perTry': 'write a perTry that is shorter than the total, or Timeout.perTry(…) alone',
  'timeout': 'write Timeout.total(Duration.seconds(2), { perTry: Duration.millis(500) })',
  'retry': 'write a maxInterval that is at least the baseInterval',
  'baseInterval': 'write baseInterval: Duration.millis(100)',
  'maxInterval': 'write maxInterval: Duration.seconds(1)',
  'budget.percent': 'write RetryBudget.of(20, 10)',
  'budget.minConcurrency': 'write RetryBudget.of(20, 10)',
  'consecutiveFailures': 'write CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) })',
  'cooldown': 'write cooldown: Duration.seconds(30)',
  'failureRate.percent': 'write a percentage, such as CircuitBreaker.failureRate(50, …)',
  'window': 'write window: Duration.seconds(10)',
  'minRequests': 'write minRequests: 20',
  'consecutiveServerErrors': 'write OutlierDetection.consecutiveServerErrors(5, …)',
  'baseEjectionDuration': 'write baseEjectionDuration: Duration.seconds(30)',
  'maxEjectionPercent': 'write maxEjectionPercent: 50',
  'maxConnections': 'write maxConnections: 100',
  'maxPendingRequests': 'write maxPendingRequests: 10; 0 lets no request wait',
  'maxRequests': 'write maxRequests: 1000, or leave it out',
  'rateLimits': 'give each limit a name of its own: RateLimit.perReplica(rate, { name: … })',
  'requests': 'write a whole number, such as Rate.perSecond(100)',
  'burst': 'write burst: 100, or leave it out',
  'choices': 'write LoadBalancer.leastRequest(2)',
  'minRingSize': 'write minRingSize: 1024, or leave it out',
  'header': 'write a field name, such as x-order-id',
  'cookie.name': 'write a cookie name, such as HashKey.cookie(\'session\')',
  'cookie.ttl': 'write { ttl: Duration.hours(1) }, or leave it out',
  'queryParam': 'write a parameter name, such as HashKey.queryParam(\'user\')',
  'healthyPercent': 'write healthyPercent: 70',
  'failover': 'name each region once',
  'trustDomain': 'write a domain in lower case, such as shop.example',
  'successPercent': 'write a percentage, such as AccessLog.stdout(1)',
  'geohashes': 'write each prefix once, in base 32 and lower case, such as gc',
  'zones': 'write each zone once, as in the node label, such as eu-west-1a',
  'regions': 'name each region once',
  'rateLimits.name': 'write a DNS label, such as { name: \'by-second\' }',
  'versions.service': 'shorten the name of the version, or of the service',
  'calls': 'declare each call once, with all its options',
  'regions.name': 'write a region\'s name as in the node label, such as Region.of(\'eu-west\')',
  'versions.name': 'write a DNS label, such as addVersion(\'v2\', …)',
  'localPort': 'write localPort: 15432, or another number of 1 to 65535',
  'connect': 'write connect: Duration.seconds(1)',
  'idle': 'write idle: Duration.minutes(10)',
  'maxConnectionDuration': 'write maxDuration: Duration.minutes(30), or maxConnectionDuration beside a total or perTry',
  'allow': 'write allow: [CallRule.http({ methods: [HttpMethod.GET] })], or leave allow out to allow everything',
  'allow.http.methods': 'name each method once, or leave methods out to allow any',
  'allow.http.path': 'write path: StringMatch.exact(\'/payments\'), or StringMatch.prefix(\'/payments\'); rules have no regular expressions',
  'allow.http.path.regex': 'write path: StringMatch.exact(\'/payments\'), or StringMatch.prefix(\'/payments\'); rules have no regular expressions',
  'allow.http.path.exact': 'write path: StringMatch.exact(\'/payments\')',
  'allow.http.path.prefix': 'write path: StringMatch.prefix(\'/payments\')',
  'allow.grpc.service': 'write CallRule.grpc(\'shop.v1.Payment\')',
  'allow.grpc.methods': 'write CallRule.grpc(\'shop.v1.Payment\', [\'Authorize\'])',
  'encryption': 'write encryption: TrafficEncryption.STRICT, or leave it out',
  'authorization': 'write authorization: Authorization.ENFORCE, or leave it out',
  'calls.timeout': 'write { timeout: Timeout.total(Duration.seconds(1)) }',
};

/** What to write instead where a policy asks for requests and there are only connections, or the other way round; by what the contract says. */
const PROTOCOL_FIXES: readonly (readonly [rule: RegExp, fix: string])[] = [
  [/total or perTry with protocol tcp/, 'write Timeout.connection({ connect, idle }), or leave timeout out'],
  [/idle with a protocol/, 'write Timeout.connection({ connect }), or ServicePort.tcp(…) if it carries bytes'],
  [/maxConnections only with protocol tcp/, 'write Bulkhead.connections(100)'],
  [/hash sourceIp with protocol tcp/, 'write LoadBalancer.ringHash(HashKey.sourceIp()), or another balancer'],
  [/preferLocal with protocol tcp/, 'write LocalityPolicy.preferLocal(…), or leave locality out'],
  [/requestBodyBytes with protocol grpc/, 'write SizeLimits.of({ grpcMessage: Size.mebibytes(4) })'],
  [/grpcMessageBytes with protocol http/, 'write SizeLimits.of({ requestBody: Size.mebibytes(1) }), or ServicePort.grpc(…) if it carries calls of gRPC'],
  [/must not be grpc with a protocol/, 'write HealthCheck.http(\'/healthz\') or HealthCheck.tcp(), or ServicePort.grpc(…) if it carries calls of gRPC'],
  [/must be tcp with protocol tcp/, 'write HealthCheck.tcp()'],
  [/^Unrecognized key.*"(connect|idle|maxConnectionDuration)"/, 'write it in the timeout of the service that is called, or take it out'],
  [/with protocol tcp/, 'take it out, or write the port as ServicePort.http(…) if it speaks HTTP'],
];

/** Members that the SDK makes of others: where the source has a mistake, what it made is no second one. */
const MADE_OF: readonly (readonly [made: RegExp, source: string])[] = [
  [/^spec\.serviceAccount$/, 'metadata.name'],
  [/^(spec\.versions\.\d+)\.service$/, '$1.name'],
  [/^(spec\.rateLimits\.\d+)\.name$/, '$1.requests'],
];

/** What the contract finds in a document, in our words: one finding a value. */
export function contractFindings(path: string, document: unknown, issues: readonly ContractIssue[]): Finding[] {
  const places = new Map<string, { readonly issue: ContractIssue; readonly members: readonly PropertyKey[] }>();
  for (const issue of issues) {
    const members = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
    const place = members.join('.');
    if (!places.has(place)) places.set(place, { issue, members });
  }
  const all = [...places.keys()];
  const findings: Finding[] = [];
  for (const [place, { issue, members }] of places) {
    // What is wrong with a part is not said a second time of the whole.
    if (all.some((other) => other.startsWith(`${place}.`))) continue;
    if (MADE_OF.some(([made, source]) => made.test(place) && places.has(place.replace(made, source)))) continue;
    const { where, value } = at(document, members, issue);
    findings.push(error(Code.VALUE, path, `${nameOf(where)}: ${shown(value)}`, ruleOf(issue, value), PROTOCOL_FIXES.find(([rule]) => rule.test(issue.message))?.[1] ?? fixOf(members)));
  }
  return findings;
}

/** The value that an issue is about; of a list in which something stands twice, the second of the two. */
function at(document: unknown, members: readonly PropertyKey[], { message }: ContractIssue) {
  const value = members.reduce((inner: any, key) => inner?.[key as string], document);
  if (!Array.isArray(value) || !/stands twice|the same/.test(message)) return { where: members, value: value as unknown };
  const [key] = /the same (\S+)/.exec(message)?.slice(1) ?? [];
  const of = (item: any) => key === undefined ? item : item?.[key];
  const index = value.findIndex((item, place) => value.findIndex((other) => of(other) === of(item)) < place);
  return { where: [...members, index, ...key === undefined ? [] : [key]], value: of(value[index]) as unknown };
}

/** The member in the SDK's words: `retry.on`, `rateLimits[1].burst`. */
function nameOf(members: readonly PropertyKey[]): string {
  for (let length = members.length; length > 0; length -= 1) {
    const place = members.slice(0, length);
    const word = WORDS[place.join('.')] ?? WORDS[place.map((key) => typeof key === 'number' ? '*' : key).join('.')];
    if (word !== undefined) return word + rest(members.slice(length));
  }
  const [first, ...others] = members[0] === 'spec' && members.length > 1 ? members.slice(1) : members;
  return String(first) + rest(others);
}

function rest(members: readonly PropertyKey[]): string {
  return members.map((key) => typeof key === 'number' ? `[${key}]` : `.${String(key)}`).join('');
}

function fixOf(members: readonly PropertyKey[]): string {
  const words = nameOf(members).replace(/\[\d+\]/g, '').split('.');
  for (let from = 0; from < words.length; from += 1) {
    const fix = FIXES[words.slice(from).join('.')];
    if (fix !== undefined) return fix;
  }
  return 'correct the value, or take it out';
}

function ruleOf(issue: ContractIssue, value: unknown): string {
  // The contract's own sentences begin in lower case, zod's do not.
  if (/^[a-z]/.test(issue.message)) return /^\d*\.\d+ms$/.test(String(value)) ? 'must be whole milliseconds' : issue.message;
  if (value === undefined) return 'must be set';
  switch (issue.code) {
    case 'too_small': return sizeRule(issue.origin, 'at least', Number(issue.minimum));
    case 'too_big': return sizeRule(issue.origin, 'at most', Number(issue.maximum));
    case 'invalid_type': return /^(int|number)$/.test(issue.expected) ? 'must be a whole number' : `must be of type ${issue.expected}`;
    case 'invalid_value': return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'unrecognized_keys': return 'is no member of this version';
    default: return 'has the wrong form';
  }
}

function sizeRule(origin: string, bound: string, size: number): string {
  if (origin !== 'string' && origin !== 'array') return `must be ${bound} ${size.toLocaleString('en-US')}`;
  if (size === 1 && bound === 'at least') return 'must not be empty';
  return `must have ${bound} ${size} ${origin === 'array' ? 'items' : 'characters'}`;
}
