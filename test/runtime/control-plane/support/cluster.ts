import { startControlPlane, type ControlPlane } from '../../../../runtime/control-plane';
import { identitiesOf } from '../../../../runtime/control-plane/identities';
import type { IdentityOptions } from '../../../../runtime/control-plane/identity/identity-server';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import type { Options } from '../../../../runtime/control-plane/options';
import { KubernetesSource } from '../../../../runtime/control-plane/source/kubernetes';
import { KubernetesStatus } from '../../../../runtime/control-plane/status';
import { AUTHORITY_SECRET } from '../../../../src/contract';
import type { FakeApiServer } from './api-server';
import type { WatchedClock } from './watched-clock';

/** One replica of a control plane on a cluster. */
export interface Running {
  readonly controlPlane: ControlPlane;
  readonly status: KubernetesStatus;
  readonly source: KubernetesSource;
  readonly identity: IdentityOptions | undefined;
  /** No word more to anybody: the process was killed. */
  kill(): void;
  close(): Promise<void>;
}

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** Resolves when it serves; time goes on meanwhile. */
export async function startReplica(
  server: FakeApiServer, clock: WatchedClock, pod: string, warnings: string[] = [], namespace = 'shop', withIdentity = false,
): Promise<Running> {
  const say = (_: string, message: string, fields: object = {}) => { warnings.push(`${message} ${JSON.stringify(fields)}`); };
  const log = { debug: () => {}, info: () => {}, warning: say, error: say };
  const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  const random = () => 0.5;
  const source = new KubernetesSource({ api, clock, random, log });
  const status = new KubernetesStatus({ api, clock, random, log, source, replica: { name: pod, namespace, uid: `uid-of-${pod}` } });
  let controlPlane: ControlPlane | undefined;
  const identity = !withIdentity ? undefined : identitiesOf({
    authority: { kind: 'secret', name: AUTHORITY_SECRET, make: true }, certificateAddress: LOOPBACK, trustDomain: 'shop.example',
  } as Options, { api, clock, random, log, env: { POD_NAMESPACE: namespace } });
  const options = { source, shared: status, clock, log, identity, xdsAddress: LOOPBACK, adminAddress: LOOPBACK };
  void startControlPlane(options).then((started) => { controlPlane = started; });
  await clock.run(() => controlPlane !== undefined);
  const running = controlPlane!;
  return {
    controlPlane: running,
    status,
    source,
    identity,
    kill: () => api.close(),
    close: async () => {
      await running.close();
      api.close();
    },
  };
}
