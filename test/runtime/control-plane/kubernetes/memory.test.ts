import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { ApiList, ApiObject, ApiRequest, KubernetesApi, WatchHandlers } from '../../../../runtime/control-plane/kubernetes';
import { KubernetesSource, WATCHED } from '../../../../runtime/control-plane/source/kubernetes';
import { PAGE } from '../../../../runtime/control-plane/source/kubernetes/reflector';

/** What a large cluster holds, and what of it the control plane does: objects are made as they are asked for, so that the heap is the source's alone. */

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const MIB = 1024 * 1024;

function heap(): number {
  // What is freed by finalizers is gone with the second.
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** What others write into an object, and nobody here reads: managed fields, annotations. Of 8 KiB, of one object each. */
const ballast = (id: string) => `${id} `.repeat(Math.ceil(8192 / (id.length + 1)));
const SERVICES = 10_000;

/** A cluster of 10,000 Services. */
class LargeCluster implements KubernetesApi {
  readonly server = 'https://cluster';
  readonly watches = new Map<string, WatchHandlers>();
  /** After each page of Services. */
  readonly heaps: number[] = [];
  private versions = 0;

  async request<T>({ path }: ApiRequest): Promise<T> {
    const url = new URL(path, this.server);
    if (!url.pathname.endsWith('/services')) return { metadata: { resourceVersion: '1' }, items: [] } satisfies ApiList as T;
    const begin = Number(url.searchParams.get('continue') ?? 0);
    this.heaps.push(heap());
    const items = Array.from({ length: PAGE }, (_, index) => this.service(begin + index));
    const next = begin + PAGE < SERVICES ? { continue: `${begin + PAGE}` } : {};
    // As it comes over the wire: text that is read.
    return JSON.parse(JSON.stringify({ metadata: { resourceVersion: '1', ...next }, items })) as T;
  }

  watch(path: string, handlers: WatchHandlers): { close(): void } {
    this.watches.set(new URL(path, this.server).pathname, handlers);
    handlers.started();
    return { close: () => {} };
  }

  close(): void {}

  service(number: number): ApiObject {
    const name = `service-${number}`;
    this.versions += 1;
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name, namespace: 'shop', uid: `uid-${number}`, resourceVersion: `${this.versions}`,
        managedFields: [ballast(`m${this.versions}`)], annotations: { note: ballast(`a${this.versions}`) },
      },
      spec: { ports: [{ name: 'http', port: 8080 }], clusterIPs: ['10.96.0.1'] },
      status: { loadBalancer: {} },
    };
  }
}

test('of a large list a page is held in full at once, and of changes nothing stays but the last of each object', async () => {
  const api = new LargeCluster();
  const clock = new VirtualClock();
  const silent = { debug: () => {}, info: () => {}, warning: () => {}, error: () => {} };
  const source = new KubernetesSource({ api, clock, random: () => 0, log: silent });
  let documents = 0;
  source.subscribe((told) => { ({ length: documents } = told.documents); });
  const settled = async () => {
    for (let turn = 0; turn < 5; turn++) {
      clock.advance(1000);
      await new Promise((done) => setImmediate(done));
    }
  };
  const before = heap();
  void source.start();
  while (api.watches.size < WATCHED.length) await new Promise((done) => setImmediate(done));
  await settled();
  expect(documents).toBe(SERVICES);
  // In full they are 160 MiB, and a page of them 8.
  expect(api.heaps).toHaveLength(SERVICES / PAGE);
  for (const used of api.heaps) expect(used - before).toBeLessThan(32 * MIB);
  const held = heap() - before;
  expect(held).toBeLessThan(24 * MIB);

  const services = [...api.watches].find(([path]) => path.endsWith('/services'))![1];
  const change = (type: 'MODIFIED' | 'DELETED', number: number) => services.event({ type, object: JSON.parse(JSON.stringify(api.service(number))) as ApiObject });
  for (let round = 0; round < 30; round++) {
    for (let number = 0; number < 500; number++) change('MODIFIED', number);
    await settled();
  }
  expect(heap() - before).toBeLessThan(held + 4 * MIB);
  for (let number = 0; number < SERVICES; number++) change('DELETED', number);
  await settled();
  expect(documents).toBe(0);
  expect(heap() - before).toBeLessThan(8 * MIB);
  await source.close();
});
