import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { parseCommandLine } from '../../../../runtime/proxy/bootstrap/command-line';
import { createLog } from '../../../../runtime/proxy/observe/log';
import { ProxyServer } from '../../../../runtime/proxy/server';
import { chooseTransport, type Transport } from '../../../../runtime/proxy/transport';
import { assignmentJson } from '../config/resources';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own. */
export async function fetchFrom(port: number, path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** A service that says its name. */
export async function startUpstream(name: string): Promise<{ server: Server; port: number }> {
  const server = createServer((incoming, response) => response.end(`${name} ${incoming.url}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

export interface LogLine {
  readonly level: string;
  readonly component: string;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export interface Started {
  readonly server: ProxyServer;
  /** How often it said that its first configuration is in force. */
  readonly configured: () => number;
  readonly clock: VirtualClock;
  /** Resolves with the first line of the proxy's own log, past ones included, that says this. */
  readonly logged: (message: string) => Promise<LogLine>;
}

let transport: Transport | undefined;

/** Starts a proxy on virtual time from a bootstrap document. */
export async function start(bootstrap: object, ...args: string[]): Promise<Started> {
  const clock = new VirtualClock();
  const lines: LogLine[] = [];
  const waiting: { readonly message: string; readonly found: (line: LogLine) => void }[] = [];
  const write = (text: string): void => {
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    waiting.filter(({ message }) => message === line.message).forEach(({ found }) => found(line));
  };
  const logged = async (message: string): Promise<LogLine> =>
    lines.find((line) => line.message === message) ?? new Promise((found) => waiting.push({ message, found }));
  const commandLine = parseCommandLine(['--config-yaml', JSON.stringify(bootstrap), ...args])!;
  // Its self-test moves megabytes: once is enough.
  transport ??= (await chooseTransport(systemClock)).transport;
  let configured = 0;
  const server = await ProxyServer.start(commandLine, {
    clock, transport, random: () => 0, log: createLog(clock, 'debug', write), configured: () => { configured++; },
  });
  return { server, clock, logged, configured: () => configured };
}

export const ADMIN = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };

/** A bootstrap that discovers everything from a control plane on these ports. */
export function adsBootstrap(...ports: number[]): object {
  return {
    node: { id: 'node-1', cluster: 'shop', metadata: { api_token: 'never shown' } },
    admin: ADMIN,
    dynamic_resources: {
      lds_config: { ads: {} },
      cds_config: { ads: {} },
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }] },
    },
    static_resources: {
      clusters: [{ name: 'control-plane', http2_protocol_options: {}, load_assignment: assignmentJson('control-plane', ...ports) }],
    },
  };
}
