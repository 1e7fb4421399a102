import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import type { InterceptionOptions } from './rules';

export const USAGE = `meshwright intercept: redirects the connections of this network namespace to the proxy, by nftables

  --inbound-port PORT                where the proxy takes what is meant for the pod
  --outbound-port PORT               where it takes what the pod sends
  --exclude-uids UID,...             users that are left alone: the proxy's
  --exclude-inbound-ports PORT,...   ports of the pod that are reached directly
  --exclude-outbound-ports PORT,...  ports of others that are reached directly
  --exclude-outbound-cidrs CIDR,...  networks that are reached directly, of IPv4 and IPv6
  --print                            writes the rules to standard output, and loads nothing
  --help
`;

/** All that is wrong with the command line, a line each. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

export interface Options extends InterceptionOptions {
  readonly print: boolean;
}

const FLAGS = {
  'inbound-port': { type: 'string' },
  'outbound-port': { type: 'string' },
  'exclude-uids': { type: 'string' },
  'exclude-inbound-ports': { type: 'string' },
  'exclude-outbound-ports': { type: 'string' },
  'exclude-outbound-cidrs': { type: 'string' },
  'print': { type: 'boolean' },
  'help': { type: 'boolean', short: 'h' },
} as const;

/**
 * @returns undefined where help was asked for.
 * @throws OptionsError
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  let values;
  try {
    values = parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new OptionsError((error as Error).message);
  }
  if (values.help) return undefined;
  const problems: string[] = [];
  const numbers = (flag: 'exclude-uids' | 'exclude-inbound-ports' | 'exclude-outbound-ports', least: number, most: number): number[] => (
    items(values[flag]).map((text) => number(flag, text, least, most, problems)));
  const port = (flag: 'inbound-port' | 'outbound-port') => {
    if (values[flag] !== undefined) return number(flag, values[flag], 1, 65_535, problems);
    problems.push(`--${flag} is missing`);
    return 0;
  };
  const options = {
    inboundPort: port('inbound-port'),
    outboundPort: port('outbound-port'),
    excludeUids: numbers('exclude-uids', 0, 4_294_967_294),
    excludeInboundPorts: numbers('exclude-inbound-ports', 1, 65_535),
    excludeOutboundPorts: numbers('exclude-outbound-ports', 1, 65_535),
    excludeOutboundCidrs: items(values['exclude-outbound-cidrs']),
    print: values.print ?? false,
  };
  for (const cidr of options.excludeOutboundCidrs) {
    if (!isCidr(cidr)) problems.push(`--exclude-outbound-cidrs has "${cidr}": must be a network such as 10.20.0.0/16 or fd00:20::/32`);
  }
  if (options.excludeUids.length === 0) problems.push('--exclude-uids is missing: without the user of the proxy, what it sends would come back to it');
  if (problems.length > 0) throw new OptionsError(problems.sort().join('\n'));
  return options;
}

function items(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

function number(flag: string, text: string, least: number, most: number, problems: string[]): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) problems.push(`--${flag} has "${text}": must be a whole number from ${least} to ${most}`);
  return value;
}

function isCidr(text: string): boolean {
  const [, address, length] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = address === undefined ? 0 : isIP(address);
  return family !== 0 && Number(length) <= (family === 4 ? 32 : 128);
}
