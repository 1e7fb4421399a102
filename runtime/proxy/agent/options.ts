import { parseArgs } from 'node:util';
import { fromJson, NodeSchema, type JsonValue, type Node } from '../../xds';
import { BootstrapError } from '../bootstrap/types';
import type { HostPort } from '../config/decode/scalars';
import type { IdentityConfig } from '../identity/workload-identity';
import { LOG_LEVELS, type LogLevel } from '../observe/log';

/** What the agent is started with. */
export interface AgentOptions {
  readonly identity: IdentityConfig;
  /** SPIFFE ID of the control plane. */
  readonly controlPlane: string;
  /** Where the certificate is kept, for programs that read it from files. */
  readonly files: string;
  /** Where programs of the pod reach the control plane, and where that is; undefined: they do not. */
  readonly relay: { readonly listen: HostPort; readonly to: HostPort } | undefined;
  /** What it calls itself to the control plane, to be told whom to trust; undefined: it goes by its mounted file alone. */
  readonly node: Node | undefined;
  readonly healthAddress: HostPort;
  readonly logLevel: LogLevel;
}

export const USAGE = `usage: agent --identity-token FILE --identity-trust-bundle FILE --certificate-address HOST:PORT --control-plane SPIFFE_ID
             --certificate-folder FOLDER --health-address IP:PORT [--relay-address IP:PORT --xds-address HOST:PORT [--node JSON]]
      --identity-token FILE         token by which the workload proves who it is, to get its certificate
      --identity-trust-bundle FILE  roots by which the control plane is known, in PEM
      --certificate-address HOST:PORT  where certificates are asked for
      --control-plane SPIFFE_ID     who the control plane is
      --certificate-folder FOLDER   svid.pem, svid.key and ca.pem are kept there, and replaced together
      --health-address IP:PORT      serve /ready and /healthz there
      --relay-address IP:PORT       pass connections for configuration on from there, with the certificate
      --xds-address HOST:PORT       to there
      --node JSON                   envoy.config.core.v3.Node, as which the roots are asked for there
  -l, --log-level LEVEL             ${LOG_LEVELS.join(', ')} (info)
  -h, --help`;

const OPTIONS = {
  'identity-token': { type: 'string' },
  'identity-trust-bundle': { type: 'string' },
  'certificate-address': { type: 'string' },
  'control-plane': { type: 'string' },
  'certificate-folder': { type: 'string' },
  'health-address': { type: 'string' },
  'relay-address': { type: 'string' },
  'xds-address': { type: 'string' },
  'node': { type: 'string' },
  'log-level': { type: 'string', short: 'l' },
  'help': { type: 'boolean', short: 'h' },
} as const;
const REQUIRED = [
  'identity-token', 'identity-trust-bundle', 'certificate-address', 'control-plane', 'certificate-folder', 'health-address',
] as const;

/** @throws BootstrapError with everything that is wrong. Undefined where only the usage is asked for. */
export function parseOptions(args: readonly string[]): AgentOptions | undefined {
  const problems: string[] = [];
  const values = read(args, problems);
  if (values.help) return undefined;
  for (const name of REQUIRED) if (values[name] === undefined) problems.push(`--${name} is required`);
  const address = (name: 'certificate-address' | 'health-address' | 'relay-address' | 'xds-address'): HostPort | undefined => {
    const value = values[name];
    const match = value === undefined ? undefined : /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(value);
    if (value !== undefined && !match) problems.push(`--${name}: ${value} must be HOST:PORT`);
    return match ? { host: match[1] ?? match[2]!, port: Number(match[3]) } : undefined;
  };
  const [certificateAddress, healthAddress, listen, to] = [
    address('certificate-address'), address('health-address'), address('relay-address'), address('xds-address'),
  ];
  if ((values['relay-address'] === undefined) !== (values['xds-address'] === undefined)) problems.push('--relay-address and --xds-address belong together');
  if (values['control-plane'] !== undefined && !values['control-plane'].startsWith('spiffe://')) {
    problems.push(`--control-plane: ${values['control-plane']} must be a SPIFFE ID, such as spiffe://shop.example/ns/shop/sa/meshwright-control-plane`);
  }
  if (values.node !== undefined && !to) problems.push('--node needs --xds-address');
  const node = values.node === undefined ? undefined : nodeOf(values.node, problems);
  const level = values['log-level'] ?? 'info';
  if (!(LOG_LEVELS as readonly string[]).includes(level)) problems.push(`--log-level: ${level} must be one of ${LOG_LEVELS.join(', ')}`);
  if (problems.length > 0) throw new BootstrapError('command line', problems);
  return {
    identity: { tokenFile: values['identity-token']!, trustBundleFile: values['identity-trust-bundle']!, certificateAddress: certificateAddress! },
    controlPlane: values['control-plane']!,
    files: values['certificate-folder']!,
    relay: listen && to && { listen, to },
    node,
    healthAddress: healthAddress!,
    logLevel: level as LogLevel,
  };
}

function nodeOf(text: string, problems: string[]): Node | undefined {
  try {
    return fromJson(NodeSchema, JSON.parse(text) as JsonValue);
  } catch (error) {
    problems.push(`--node: ${(error as Error).message}`);
    return undefined;
  }
}

function read(args: readonly string[], problems: string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    problems.push((error as Error).message.split('. ')[0]!);
    return parseArgs({ args: [], options: OPTIONS }).values;
  }
}
