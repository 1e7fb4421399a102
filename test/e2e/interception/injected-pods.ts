import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/clock';
import { startControlPlane, type ControlPlane } from '../../../runtime/control-plane/control-plane';
import { FileAuthorityStore } from '../../../runtime/control-plane/identity/file-store';
import { ListedTokenVerifier, type Workload } from '../../../runtime/control-plane/identity/token';
import { TrustBundleFile } from '../../../runtime/control-plane/identity/trust-bundle-file';
import { silentLog } from '../../../runtime/control-plane/log';
import { expand } from '../../../runtime/local/expand';
import { CONTROL_PLANE, injected, type InjectionSettings } from '../../../src/contract';
import type { Manifest } from '../../runtime/control-plane/support/documents';
import { MemorySource } from '../../runtime/control-plane/support/memory-source';
import { Bridge, Pod } from './namespace';
import { imageFolder, ready } from './support';

const NAMESPACE = 'shop';
/** User of the applications. */
export const APP = 1000;
const PROXY = 1337;

/** What runs in a pod. */
export interface Application {
  /** A program of Node.js that writes a line once it can be asked. */
  readonly program: string;
  /** Of its container. */
  readonly probes?: object;
  /** Its service; without it the pod is a guest of the mesh. */
  readonly service?: string;
  readonly serviceAccount: string;
}

/**
 * A mesh of pods whose connections are intercepted: each a network namespace with what the injector writes for it, init container and sidecar started with
 * the arguments of their manifests, and its application. The control plane is on this machine, beyond the bridge.
 */
export class InjectedPods {
  readonly bridge: Bridge;
  private readonly folder = imageFolder();
  private readonly pods: Pod[] = [];
  private readonly tokens = new Map<string, Workload>();
  private controlPlane: ControlPlane | undefined;

  /** @param net third part of 10.77.x.0/24 */
  constructor(name: string, private readonly net: number, private readonly interception: InjectionSettings['interception'] = {}) {
    this.bridge = new Bridge(name, net);
  }

  /** A pod without anything in it. @param last part of its addresses */
  pod(name: string, last: number): Pod {
    const made = new Pod(`mw${name}`, this.net, last, this.bridge);
    this.pods.push(made);
    return made;
  }

  /** Starts the control plane; pods know it, and what `names` has, by name. */
  async serve(documents: readonly Manifest[], names: Readonly<Record<string, string>> = {}): Promise<void> {
    const controlPlane = `${CONTROL_PLANE}.${NAMESPACE}.svc.cluster.local`;
    for (const one of this.pods) one.hosts({ ...names, [controlPlane]: this.bridge.v4 });
    this.controlPlane = await startControlPlane({
      clock: systemClock,
      source: new MemorySource(documents),
      xdsAddress: { host: this.bridge.v4, port: 15010 },
      identity: {
        authority: new FileAuthorityStore({ clock: systemClock, log: silentLog, file: join(this.folder, 'authority.json'), create: 'shop.example' }),
        tokens: new ListedTokenVerifier(() => this.tokens),
        trustDomain: 'shop.example',
        self: { namespace: NAMESPACE, serviceAccount: CONTROL_PLANE },
        dnsNames: [controlPlane],
        address: `${this.bridge.v4}:15012`,
        publish: new TrustBundleFile(join(this.folder, 'ca.crt'), silentLog),
      },
    });
  }

  /** What the kubelet does with a pod: the init container, the sidecar until it is ready, the application. */
  async start(pod: Pod, name: string, { program, probes, service, serviceAccount }: Application): Promise<void> {
    const labels: Record<string, string> = service === undefined ? {} : { 'mesh.meshwright.dev/service': service };
    const bare = { metadata: { labels }, spec: { serviceAccountName: serviceAccount, containers: [{ name: serviceAccount, ...probes }] } };
    const { spec } = injected(bare, NAMESPACE, {
      controlPlane: { namespace: NAMESPACE, trustDomain: 'shop.example', clusterDomain: undefined },
      proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
      interception: this.interception,
    }) as { spec: any };
    const [init, sidecar] = spec.initContainers;
    // Its volumes.
    const volume = join(this.folder, name);
    mkdirSync(volume);
    this.tokens.set(`token-${name}`, { namespace: NAMESPACE, serviceAccount, pod: name });
    writeFileSync(join(volume, 'token'), `token-${name}`);
    chmodSync(volume, 0o777);
    const variables = { POD_NAME: name, POD_NAMESPACE: NAMESPACE, POD_IP: pod.v4, POD_IPS: `${pod.v4},${pod.v6}` };
    const place = (text: string) => text.replaceAll('/app/', `${this.folder}/`).replaceAll('/var/run/meshwright/ca.crt', join(this.folder, 'ca.crt'))
      .replaceAll('/var/run/meshwright', volume).replaceAll('/var/lib/meshwright', volume);
    pod.root(process.execPath, [...init.command.slice(1), ...init.args].map(place));
    const args = sidecar.args.map((arg: string) => place(expand(arg, variables)));
    await ready(pod, pod.spawn(PROXY, process.execPath, join(this.folder, 'proxy.js'), ...args));
    await once(pod.spawn(APP, process.execPath, '-e', program, name).stdout!, 'data');
  }

  async close(): Promise<void> {
    await Promise.all(this.pods.map(async (one) => one.close()));
    await this.controlPlane?.close();
    this.bridge.remove();
    rmSync(this.folder, { recursive: true });
  }
}
