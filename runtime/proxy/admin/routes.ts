import { NodeSchema, toJson } from '../../xds';
import type { BootstrapConfig } from '../bootstrap/types';
import type { ConfigStore } from '../config/store';
import type { BoundListener, ClusterView, ConnectionView } from '../data-plane/types';
import type { Families } from '../observe/families';
import { compileSearch } from '../route/regex';
import { certs } from './certs';
import { clustersJson, clustersText } from './clusters';
import { configDump } from './config-dump';
import { connectionsJson, connectionsText } from './connections';
import { json, text, type Answer, type Route, type Routes } from './types';

/** Envoy's states of a server. */
export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

/** What the pages show and what they may do. */
export interface Operated {
  readonly bootstrap: BootstrapConfig;
  readonly store: ConfigStore;
  readonly version: string;
  readonly transport: string;
  readonly commandLine: Readonly<Record<string, unknown>>;
  readonly uptime: () => number;
  /** Milliseconds since the epoch. */
  readonly wallTime: () => number;
  readonly state: () => ServerState;
  /** What readiness waits for; empty when ready. */
  readonly waitingFor: () => readonly string[];
  /** Of the whole pod, as are the metrics. */
  readonly clusters: () => Promise<Iterable<ClusterView>>;
  readonly connections: () => Promise<readonly ConnectionView[]>;
  readonly listeners: () => Iterable<BoundListener>;
  readonly metrics: () => Promise<Families>;
  readonly controlPlane: () => { readonly address: string; readonly connected: boolean } | undefined;
  readonly drain: () => void;
  readonly failHealthcheck: (fails: boolean) => void;
  readonly reopenLogs: () => void;
  readonly quit: () => void;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** What kubelet and scrapers may reach; it changes nothing and shows no configuration. */
export function healthRoutes(operated: Operated): Routes {
  return new Map([
    ['/ready', get('200 while the server serves and does not drain', () => ready(operated))],
    ['/healthz', get('200 while the process answers', () => text('ok\n'))],
    ['/stats/prometheus', get('metrics', () => prometheus(operated))],
  ]);
}

/** The admin pages: Envoy's paths and formats. */
export function adminRoutes(operated: Operated): Routes {
  const routes = new Map<string, Route>([
    ...healthRoutes(operated),
    ['/server_info', get('version, state, command line and node', () => serverInfo(operated))],
    ['/config_dump', get('configuration as it came; ?include_eds for endpoints', (query) => json(configDump(operated.bootstrap.message, operated.store,
      query.has('include_eds'))))],
    ['/certs', get('certificates and authorities in use, with their days until expiry', () => json(certs(operated.store.snapshot, operated.wallTime())))],
    ['/clusters', get('clusters with their endpoints; ?format=json', async (query) => {
      const clusters = await operated.clusters();
      return query.get('format') === 'json' ? json(clustersJson(clusters)) : text(clustersText(clusters));
    })],
    ['/connections', get('connections with the bytes that wait in each, those with most first; ?format=json', async (query) => {
      const connections = await operated.connections();
      return query.get('format') === 'json' ? json(connectionsJson(connections)) : text(connectionsText(connections));
    })],
    ['/listeners', get('listeners with their addresses; ?format=json', (query) => listeners(operated, query))],
    ['/stats', get('statistics by Envoy\'s names; ?filter=REGEX, ?format=prometheus', (query) => stats(operated, query))],
    ['/drain', post('ends connections with their next answer; the server is not ready any more', () => done(operated.drain))],
    ['/drain_listeners', post('the same, by Envoy\'s name', () => done(operated.drain))],
    ['/healthcheck/fail', post('the server says that it is not ready', () => done(() => operated.failHealthcheck(true)))],
    ['/healthcheck/ok', post('undoes /healthcheck/fail', () => done(() => operated.failHealthcheck(false)))],
    ['/reopen_logs', post('opens the access logs anew', () => done(operated.reopenLogs))],
    ['/quitquitquit', post('drains and ends', () => done(operated.quit))],
  ]);
  const help = [...routes].map(([path, { method, help: line }]) => `${method.padEnd(4)} ${path.padEnd(20)} ${line}\n`).join('');
  routes.set('/', get('this page', () => text(help)));
  return routes;
}

function get(help: string, handle: Route['handle']): Route {
  return { method: 'GET', help, handle };
}

function post(help: string, handle: Route['handle']): Route {
  return { method: 'POST', help, handle };
}

function done(action: () => void): Answer {
  action();
  return text('OK\n');
}

function ready(operated: Operated): Answer {
  const state = operated.state();
  if (state === 'LIVE') return text('LIVE\n');
  const waiting = operated.waitingFor();
  return text(`${state}${waiting.length === 0 ? '' : `: waiting for ${waiting.join(', ')}`}\n`, 503);
}

async function prometheus(operated: Operated): Promise<Answer> {
  return { status: 200, type: PROMETHEUS, body: (await operated.metrics()).exposition() };
}

async function stats(operated: Operated, query: URLSearchParams): Promise<Answer> {
  if (query.get('format') === 'prometheus') return prometheus(operated);
  const filter = query.get('filter');
  let matches: ((name: string) => boolean) | undefined;
  try {
    // RE2's: a pattern of the runtime's own kind could stop the whole proxy.
    matches = filter === null ? undefined : compileSearch(filter);
  } catch (error) {
    return text(`filter: ${(error as Error).message}\n`, 400);
  }
  return text((await operated.metrics()).stats(matches));
}

function listeners(operated: Operated, query: URLSearchParams): Answer {
  const all = [...operated.listeners()];
  if (query.get('format') !== 'json') return text(all.map(({ name, address, port }) => `${name}::${hostPort(address, port)}\n`).join(''));
  return json({
    listener_statuses: all.map(({ name, address, port }) => ({ name, local_address: { socket_address: { address, port_value: port } } })),
  });
}

function serverInfo(operated: Operated): Answer {
  return json({
    version: `meshwright/${operated.version}`,
    state: operated.state(),
    waiting_for: operated.waitingFor(),
    uptime_current_epoch: `${operated.uptime()}s`,
    node_version: process.version,
    transport: operated.transport,
    control_plane: operated.controlPlane(),
    command_line_options: operated.commandLine,
    node: toJson(NodeSchema, operated.bootstrap.node),
  });
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
