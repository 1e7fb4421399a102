import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { App } from 'cdk8s';
import { parseManifests, proxyNode, readResources, resolve as resolveModel, xdsResources } from '../../../runtime/control-plane';
import { ClusterSchema, ListenerSchema, toJson } from '../../../runtime/xds';
import { ADMIN_PORT } from '../../../src/contract';

const ROOT = resolve(__dirname, '../../..');

export type Name = 'envoy' | 'ours';

export interface PairOptions {
  readonly app: App;
  /** `<namespace>/<name>` of the service whose proxy both are. */
  readonly service: string;
  readonly addresses: Readonly<Record<Name, string>>;
  /** Whether a proxy serves. */
  readonly serves: (name: Name) => Promise<boolean>;
}

/** Who calls is left out, as there are no certificates here: rules ask for what else they ask for alone. */
function letAnybodyIn(listener: any): void {
  const rbac = listener.filter_chains[0].filters[0].typed_config.http_filters.find(({ name }: any) => name === 'envoy.filters.http.rbac');
  for (const policy of Object.values<any>(rbac?.typed_config.rules.policies ?? {})) policy.principals = [{ any: true }];
}

/** Envoy and our proxy with one configuration, from a file: the inbound listener of a service as the control plane makes it, without certificates. */
export class InboundPair {
  private readonly folder = mkdtempSync(join(tmpdir(), 'meshwright-inbound-'));
  private readonly children: ChildProcess[] = [];
  private readonly lines: { readonly name: Name; readonly entry: any }[] = [];
  private readonly waiting: (() => void)[] = [];

  private constructor(private readonly options: PairOptions) {}

  static async start(options: PairOptions): Promise<InboundPair> {
    const pair = new InboundPair(options);
    try {
      await pair.run('envoy');
      await pair.run('ours');
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  private resources(address: string): { readonly listener: any; readonly clusters: any[] } {
    const { app, service } = this.options;
    const parsed = parseManifests(app.synthYaml(), 'manifests');
    if (parsed.kind === 'error') throw new Error(parsed.message);
    const { model } = resolveModel(readResources({ documents: parsed.documents, unreadable: [] }), undefined, { security: 'network' });
    const made = xdsResources(model, proxyNode(model, { service, podIp: address, loopback: address }));
    const listener = toJson(ListenerSchema, made.listeners.find(({ name }) => name === 'inbound')!) as any;
    letAnybodyIn(listener);
    // Envoy reads no metadata of a type that it does not know from a file.
    const clusters = made.clusters.filter(({ name }) => /^(?:inbound|keys):/.test(name))
      .map((one) => ({ ...toJson(ClusterSchema, one) as object, metadata: undefined }));
    return { listener, clusters };
  }

  private async run(name: Name): Promise<void> {
    const address = this.options.addresses[name];
    const { listener, clusters } = this.resources(address);
    const file = join(this.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({
      node: { id: name, cluster: 'inbound' },
      admin: { address: { socket_address: { address, port_value: ADMIN_PORT } } },
      static_resources: { listeners: [listener], clusters },
    }));
    const envoy = () => execFileSync(process.execPath, [join(ROOT, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim();
    const [program, ...args] = name === 'ours' ? [process.execPath, join(ROOT, 'lib/runtime/proxy.js'), '--config-path', file]
      : [envoy(), '--config-path', file, '--concurrency', '1', '--disable-hot-restart', '--file-flush-interval-msec', '20'];
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => { errors = (errors + String(chunk)).slice(-4000); });
    createInterface(child.stdout!).on('line', (line) => this.heard(name, line));
    for (let tries = 0; !await this.options.serves(name).catch(() => false); tries++) {
      if (tries > 200 || child.exitCode !== null) throw new Error(`${name} does not start: ${errors}`);
      await pause(100);
    }
  }

  private heard(name: Name, line: string): void {
    if (!line.startsWith('{')) return;
    this.lines.push({ name, entry: JSON.parse(line) });
    for (const look of this.waiting.splice(0)) look();
  }

  /** The line of the access log about a request, once it is there. */
  async logged(name: Name, path: string): Promise<any> {
    for (;;) {
      const found = this.lines.find(({ name: by, entry }) => by === name && entry.path === path);
      if (found) return found.entry;
      await new Promise<void>((heard) => this.waiting.push(heard));
    }
  }

  async stop(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
