import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { systemClock } from '../../../../runtime/clock';
import { ApiError, HttpKubernetesApi, type ApiObject } from '../../../../runtime/control-plane/kubernetes';

const run = promisify(execFile);
export const ROOT = resolve(__dirname, '../../../..');

/** The kubeconfig of a cluster that the tests may do with what they like. */
export function kubeconfig(): string {
  const path = process.env.KUBECONFIG;
  if (!path || !existsSync(path)) throw new Error(`KUBECONFIG is ${JSON.stringify(path)}: must name the kubeconfig of a cluster for tests; npm run e2e:cluster brings one up`);
  return path;
}

/** Where `test/cluster/up` keeps what it started: beside the kubeconfig. */
function stateFolder(): string {
  return dirname(kubeconfig());
}

interface KubeConfig {
  clusters: { cluster: { 'server': string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data'?: string; 'client-key-data'?: string; 'token'?: string } }[];
}

/** The API as its administrator. */
export function administrator(): HttpKubernetesApi {
  const { clusters: [{ cluster }], users: [{ user }] } = parse(readFileSync(kubeconfig(), 'utf8')) as KubeConfig;
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'base64'));
  return new HttpKubernetesApi({
    server: cluster.server,
    clock: systemClock,
    credentials: async () => ({
      headers: { ...user.token === undefined ? {} : { authorization: `Bearer ${user.token}` } },
      tls: { ca: bytes(cluster['certificate-authority-data']), cert: bytes(user['client-certificate-data']), key: bytes(user['client-key-data']) },
    }),
  });
}

/** A kubeconfig of a service account: what a pod of it may do, and no more. */
export async function kubeconfigOf(api: HttpKubernetesApi, namespace: string, account: string, file: string): Promise<string> {
  const { status } = await api.request<{ status: { token: string } }>({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  });
  const config = parse(readFileSync(kubeconfig(), 'utf8')) as KubeConfig;
  config.users[0].user = { token: status.token };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** The Gateway API's and our own definitions, and namespaces; there already from another test, maybe. */
export async function prepare(api: HttpKubernetesApi, ...namespaces: readonly string[]): Promise<void> {
  await run(join(ROOT, 'test/cluster/gateway-api'), { env: { ...process.env, TESTCLUSTER_STATE: stateFolder() } });
  for (const file of readdirSync(join(ROOT, 'crds'))) await apply(api, parse(readFileSync(join(ROOT, 'crds', file), 'utf8')) as ApiObject);
  for (const name of namespaces) await apply(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const plural of ['meshes', 'meshservices', 'externalservices']) await established(api, `${plural}.mesh.meshwright.dev`);
}

async function established(api: HttpKubernetesApi, name: string): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await new Promise<void>((done, failed) => {
    const watching = api.watch(`${path}?watch=true&fieldSelector=metadata.name%3D${name}`, {
      idle: 60_000,
      started: () => {},
      event: ({ object }) => {
        const conditions = (object.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
        if (!conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
        watching.close();
        done();
      },
      ended: (error) => failed(error ?? new Error(`${name} was not established`)),
    });
  });
  // Established is said before every handler serves it.
  while (!await served(api, name)) { /* asked again, each time a round trip to the API */ }
}

async function served(api: HttpKubernetesApi, name: string): Promise<boolean> {
  return api.request({ method: 'GET', path: `/apis/mesh.meshwright.dev/v1alpha1/${name.split('.')[0]}?limit=1` }).then(() => true, () => false);
}

const discovered = new Map<string, Promise<{ resources: { name: string; kind: string; namespaced: boolean }[] }>>();

/** Path of the collection of an object, or of the object itself. */
export async function pathOf(api: HttpKubernetesApi, { apiVersion, kind, metadata: { namespace, name } }: ApiObject): Promise<string> {
  const base = apiVersion!.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const found = discovered.get(base) ?? api.request<{ resources: { name: string; kind: string; namespaced: boolean }[] }>({ method: 'GET', path: base });
  discovered.set(base, found);
  const resource = (await found).resources.find((one) => one.kind === kind && !one.name.includes('/'));
  if (!resource) {
    discovered.delete(base);
    throw new Error(`${apiVersion} has no ${kind}`);
  }
  return `${base}/${resource.namespaced ? `namespaces/${namespace}/` : ''}${resource.name}/${name}`;
}

/** Server-side apply. `dryRun` changes nothing; unknown fields are refused either way. */
export async function apply(api: HttpKubernetesApi, object: ApiObject, { dryRun = false, status = false } = {}): Promise<ApiObject> {
  const query = `fieldManager=e2e&force=true&fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`;
  return api.request<ApiObject>({
    method: 'PATCH', path: `${await pathOf(api, object)}${status ? '/status' : ''}?${query}`, body: object, contentType: 'application/apply-patch+yaml',
  });
}

/** Creates nothing. @returns what the API says against it; undefined where it would take it. */
export async function refusalOf(api: HttpKubernetesApi, object: ApiObject): Promise<string | undefined> {
  const path = (await pathOf(api, object)).replace(/\/[^/]*$/, '');
  try {
    await api.request({ method: 'POST', path: `${path}?dryRun=All&fieldValidation=Strict`, body: object });
    return undefined;
  } catch (error) {
    if ((error as ApiError).status < 400 || (error as ApiError).status >= 500) throw error;
    return (error as ApiError).message;
  }
}

export async function remove(api: HttpKubernetesApi, object: ApiObject): Promise<void> {
  await api.request({ method: 'DELETE', path: await pathOf(api, object) }).catch((error: ApiError) => {
    if (error.status !== 404) throw error;
  });
}

/** Resolves with an object of the API once `holds` is true of it; told by a watch, which is begun again as long as the server is starting. */
export async function until(api: HttpKubernetesApi, object: ApiObject, holds: (object: ApiObject) => boolean): Promise<ApiObject> {
  const path = await pathOf(api, object);
  const at = path.lastIndexOf('/');
  const query = `watch=true&fieldSelector=metadata.name%3D${path.slice(at + 1)}`;
  return new Promise((done, failed) => {
    const watch = (): void => {
      const watching = api.watch(`${path.slice(0, at)}?${query}`, {
        idle: 120_000,
        started: () => {},
        event: ({ object: found }) => {
          if (!holds(found)) return;
          watching.close();
          done(found);
        },
        ended: (error) => (error && ![0, 429, 503].includes(error.status) ? failed(error) : watch()),
      });
    };
    watch();
  });
}

/** A request that is made again until the server, which is starting, has an answer. */
export async function answered<T>(request: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (![0, 403, 429, 503].includes((error as ApiError).status)) throw error;
    }
  }
}

/** What every example that can run synthesizes, document by document. */
export function exampleDocuments(): { example: string; documents: ApiObject[] }[] {
  const folder = join(ROOT, 'test/testdata/examples');
  return readdirSync(folder).filter((file) => file.endsWith('.yaml')).map((file) => ({
    example: file.replace(/\.yaml$/, ''),
    documents: parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as ApiObject | null).filter((one) => one !== null),
  }));
}

/** A component of a cluster that `test/cluster/up` started, the API server unless said otherwise: ended, as by a crash, and started again with the same command line. */
export class ApiServerProcess {
  private readonly file: string;
  private command: string[] = [];

  constructor(private readonly component: 'kube-apiserver' | 'etcd' = 'kube-apiserver') {
    this.file = join(stateFolder(), 'run', component);
  }

  kill(): void {
    if (!existsSync(this.file)) throw new Error(`${this.file} does not exist: ${this.component} of ${kubeconfig()} was not started by test/cluster/up`);
    const [pid] = readFileSync(this.file, 'utf8').split(' ');
    this.command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter((part) => part !== '');
    process.kill(Number(pid), 'SIGKILL');
  }

  start(): void {
    const [program, ...args] = this.command;
    const child = spawn(program, args, { detached: true, stdio: 'ignore' });
    child.unref();
    // As test/cluster/down knows it: pid and time of start.
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    writeFileSync(this.file, `${child.pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}\n`);
  }
}
