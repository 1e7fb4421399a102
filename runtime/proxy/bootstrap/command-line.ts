import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { parseAppProbes } from '../app-probes/parse';
import type { AppProbes } from '../app-probes/types';
import type { HostPort } from '../config/decode/scalars';
import type { IdentityConfig } from '../identity/workload-identity';
import { LOG_LEVELS, type LogLevel } from '../observe/log';
import { BootstrapError } from './types';

/** What the proxy is started with. Names and meaning are Envoy's, but for the last two. */
export interface CommandLine {
  readonly configPath: string | undefined;
  readonly configYaml: string | undefined;
  readonly node: { readonly id?: string; readonly cluster?: string; readonly zone?: string };
  /** Milliseconds that a drain may take. */
  readonly drainTime: number;
  /** Of those, how many new connections are still served in when the proxy is told to end; undefined: a third, at most five seconds. */
  readonly drainGrace: number | undefined;
  readonly logLevel: LogLevel;
  /** Threads that serve traffic. 1: the main thread does, and there is no other. */
  readonly concurrency: number;
  /** `validate` checks the configuration and ends. */
  readonly mode: 'serve' | 'validate';
  /** Where the last good configuration from ADS is kept; undefined: nowhere. */
  readonly snapshotPath: string | undefined;
  /** Where `/ready`, `/healthz` and `/stats/prometheus` are served for those who may not reach the admin server. */
  readonly healthAddress: HostPort | undefined;
  /** Questions to the application that the health server passes on. */
  readonly appProbes: AppProbes;
  /** How the workload gets its identity; undefined: it has none. */
  readonly identity: IdentityConfig | undefined;
}

/** The first Node.js whose listening sockets can share a port. */
const REUSE_PORT_SINCE = [23, 1];
/** As many as a pod can have of any use; a number above is a slip. */
const MOST_WORKERS = 64;

export const USAGE = `usage: proxy --config-path FILE [options]
  -c, --config-path FILE      bootstrap, envoy.config.bootstrap.v3.Bootstrap in JSON or YAML
      --config-yaml STRING    a bootstrap in YAML, merged over the file
      --service-node ID       node.id
      --service-cluster NAME  node.cluster
      --service-zone ZONE     node.locality.zone
      --concurrency N         threads that serve traffic (1); more than 1 needs Node.js ${REUSE_PORT_SINCE.join('.')}
      --drain-time-s N        seconds that a drain may take (600)
      --drain-grace-s N       of those, how long new connections are still served in after SIGTERM (a third, at most 5)
  -l, --log-level LEVEL       ${LOG_LEVELS.join(', ')} (info)
      --mode MODE             serve, or validate: check the configuration and end
      --snapshot-path FILE    keep the last good configuration of the control plane there, and start from it while there is none
      --health-address IP:PORT  serve /ready, /healthz and /stats/prometheus there
      --app-probes JSON       probes of the application by path, which that address answers by asking it over the loopback
      --identity-token FILE   token by which the workload proves who it is, to get its certificate
      --identity-trust-bundle FILE  roots by which the control plane is known, in PEM
      --certificate-address HOST:PORT  where certificates are asked for
  -h, --help`;

/** Envoy's default of --drain-time-s. */
const DRAIN_SECONDS = 600;

/** @throws BootstrapError with everything that is wrong. Undefined where only the usage is asked for. */
export function parseCommandLine(args: readonly string[], nodeVersion = process.versions.node): CommandLine | undefined {
  const problems: string[] = [];
  const { values } = read(args, problems);
  if (values.help) return undefined;
  if (values['config-path'] === undefined && values['config-yaml'] === undefined) problems.push('--config-path or --config-yaml is required');
  const concurrency = values.concurrency ?? '1';
  if (!/^\d{1,3}$/.test(concurrency) || Number(concurrency) < 1 || Number(concurrency) > MOST_WORKERS) {
    problems.push(`--concurrency: ${concurrency} must be a number of threads from 1 to ${MOST_WORKERS}`);
  } else if (Number(concurrency) > 1 && !sharesPorts(nodeVersion)) {
    problems.push(`--concurrency: ${concurrency} threads share their ports (SO_REUSEPORT), and Node.js ${nodeVersion} cannot do that: `
      + `run the proxy with Node.js ${REUSE_PORT_SINCE.join('.')} or later, or write --concurrency 1`);
  }
  const drain = values['drain-time-s'] ?? String(DRAIN_SECONDS);
  if (!/^\d{1,6}$/.test(drain)) problems.push(`--drain-time-s: ${drain} must be a number of seconds`);
  const drainGrace = values['drain-grace-s'];
  if (drainGrace !== undefined && !(/^\d{1,6}$/.test(drainGrace) && Number(drainGrace) <= Number(drain))) {
    problems.push(`--drain-grace-s: ${drainGrace} must be a number of seconds within --drain-time-s ${drain}`);
  }
  const level = values['log-level'] === 'warn' ? 'warning' : values['log-level'] ?? 'info';
  if (!(LOG_LEVELS as readonly string[]).includes(level)) problems.push(`--log-level: ${level} must be one of ${LOG_LEVELS.join(', ')}`);
  const mode = values.mode ?? 'serve';
  if (mode !== 'serve' && mode !== 'validate') problems.push(`--mode: ${mode} must be serve or validate`);
  const health = values['health-address'];
  const healthAddress = health === undefined ? undefined : hostPort(health);
  if (health !== undefined && !healthAddress) problems.push(`--health-address: ${health} must be IP:PORT, such as 0.0.0.0:15020 or [::1]:15020`);
  const appProbes = parseAppProbes(values['app-probes'] ?? '{}', problems);
  if (appProbes.size > 0 && health === undefined) problems.push('--app-probes: needs --health-address, where they are answered');
  const identity = identityOf(values, problems);
  if (problems.length > 0) throw new BootstrapError('command line', problems);
  return {
    configPath: values['config-path'],
    configYaml: values['config-yaml'],
    node: {
      ...(values['service-node'] !== undefined && { id: values['service-node'] }),
      ...(values['service-cluster'] !== undefined && { cluster: values['service-cluster'] }),
      ...(values['service-zone'] !== undefined && { zone: values['service-zone'] }),
    },
    drainTime: Number(drain) * 1_000,
    drainGrace: drainGrace === undefined ? undefined : Number(drainGrace) * 1_000,
    logLevel: level as LogLevel,
    concurrency: Number(concurrency),
    mode: mode as CommandLine['mode'],
    snapshotPath: values['snapshot-path'],
    healthAddress,
    appProbes,
    identity,
  };
}

function sharesPorts(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major > REUSE_PORT_SINCE[0] || (major === REUSE_PORT_SINCE[0] && minor >= REUSE_PORT_SINCE[1]);
}

const OPTIONS = {
  'config-path': { type: 'string', short: 'c' },
  'config-yaml': { type: 'string' },
  'service-node': { type: 'string' },
  'service-cluster': { type: 'string' },
  'service-zone': { type: 'string' },
  'concurrency': { type: 'string' },
  'drain-time-s': { type: 'string' },
  'drain-grace-s': { type: 'string' },
  'log-level': { type: 'string', short: 'l' },
  'mode': { type: 'string' },
  'snapshot-path': { type: 'string' },
  'health-address': { type: 'string' },
  'app-probes': { type: 'string' },
  'identity-token': { type: 'string' },
  'identity-trust-bundle': { type: 'string' },
  'certificate-address': { type: 'string' },
  'help': { type: 'boolean', short: 'h' },
} as const;

function read(args: readonly string[], problems: string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false });
  } catch (error) {
    problems.push((error as Error).message.split('. ')[0]);
    return parseArgs({ args: [], options: OPTIONS });
  }
}

type Values = ReturnType<typeof read>['values'];

function identityOf(values: Values, problems: string[]): IdentityConfig | undefined {
  const names = ['identity-token', 'identity-trust-bundle', 'certificate-address'] as const;
  const missing = names.filter((name) => values[name] === undefined);
  if (missing.length === names.length) return undefined;
  for (const name of missing) problems.push(`--${name} is required: an identity has ${names.map((one) => `--${one}`).join(', ')}`);
  const address = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(values['certificate-address'] ?? '');
  if (!address && values['certificate-address'] !== undefined) problems.push(`--certificate-address: ${values['certificate-address']} must be HOST:PORT`);
  if (missing.length > 0 || !address) return undefined;
  return {
    tokenFile: values['identity-token']!,
    trustBundleFile: values['identity-trust-bundle']!,
    certificateAddress: { host: address[1] ?? address[2], port: Number(address[3]) },
  };
}

function hostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(text);
  if (!match) return undefined;
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  return isIP(host) === 0 || port > 65_535 ? undefined : { host, port };
}
