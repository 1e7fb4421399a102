import type { Finding } from '../check/finding';
import type { GrpcRoute } from '../grpc-route';
import type { GrpcMatch } from '../grpc-rule';
import type { StringMatch } from '../http-match';
import { shown } from './finding';
import { Bad, destinations, filterFindings, headerMatchFindings, inEachRule, valueFindings } from './http-route-findings';

const NAMES = {
  service: { pattern: /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i, rule: 'must be the full name of a gRPC service', example: 'shop.v1.Payment' },
  method: { pattern: /^[a-z_][a-z_0-9]*$/i, rule: 'must be the name of a method', example: 'Authorize' },
} as const;

/** What Gateway API would refuse, or could not say. */
export function grpcRouteFindings(route: GrpcRoute): Finding[] {
  return inEachRule(route, 'GrpcRule', (rule, bad) => {
    destinations(rule, 'GrpcRule', bad);
    (rule._options.matches ?? []).forEach((match, place) => matchFindings(match, `matches[${place}]`, bad));
    for (const { _spec: { kind } } of rule._options.filters ?? []) {
      if (kind.startsWith('rewrite')) bad(`filters: ${kind}`, 'is none that a GRPCRoute has', 'change headers only, by HttpFilter.requestHeaders or responseHeaders');
    }
    filterFindings({ _options: { filters: rule._options.filters } }, bad);
  });
}

function matchFindings({ service, method, headers = {} }: GrpcMatch, where: string, bad: Bad): void {
  nameFindings('service', service, where, bad);
  nameFindings('method', method, where, bad);
  headerMatchFindings(headers, where, bad);
}

function nameFindings(member: keyof typeof NAMES, match: StringMatch | undefined, where: string, bad: Bad): void {
  if (match === undefined) return;
  const { _kind: kind, _value: value } = match;
  const name = `${where}.${member}: ${shown(value)}`;
  const { pattern, rule, example } = NAMES[member];
  if (kind === 'prefix') bad(name, 'must be exact or a regular expression, a GRPCRoute has no prefix', `write StringMatch.exact('${example}')`);
  else if (kind === 'regex') valueFindings(match, name, bad);
  else if (!pattern.test(value) || value.length > 1024) bad(name, rule, `write StringMatch.exact('${example}')`);
}
