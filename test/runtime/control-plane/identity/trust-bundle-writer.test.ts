import { VirtualClock } from '../../../../runtime/clock/virtual';
import { TrustBundleWriter } from '../../../../runtime/control-plane/identity/trust-bundle-writer';
import { ApiError, type ApiRequest, type KubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { silentLog } from '../../../../runtime/control-plane/log';

function started() {
  const clock = new VirtualClock();
  const writes: string[] = [];
  const failing = new Set<string>();
  const api: KubernetesApi = {
    server: 'test',
    request: async <T>({ path, body }: ApiRequest) => {
      const namespace = /namespaces\/([^/]+)\//.exec(path)![1];
      writes.push(`${namespace} ${(body as { data: Record<string, string> }).data['ca.crt']}`);
      if (failing.has(namespace)) throw new ApiError(403, 'Forbidden', 'namespace is being terminated');
      return {} as T;
    },
    watch: () => ({ close: () => {} }),
    close: () => {},
  };
  const writer = new TrustBundleWriter({ api, clock, random: () => 0.5, log: silentLog });
  const settle = async () => { for (let turn = 0; turn < 20; turn++) await Promise.resolve(); };
  const pass = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await settle();
  };
  return { writer, writes, failing, settle, pass };
}

test('each namespace has it, and has it anew when it is another one', async () => {
  const { writer, writes, settle } = started();
  writer.update(['bank', 'shop'], 'one');
  await settle();
  writer.update(['bank', 'shop'], 'one');
  await settle();
  writer.update(['bank', 'shop'], 'two');
  await settle();
  expect(writes).toEqual(['bank one', 'shop one', 'bank two', 'shop two']);
  await writer.close();
});

test('a namespace that cannot be written keeps nobody waiting, and is tried again', async () => {
  const { writer, writes, failing, settle, pass } = started();
  failing.add('a-terminating');
  writer.update(['a-terminating', 'shop'], 'one');
  await settle();
  expect(writes).toEqual(['a-terminating one', 'shop one']);
  await pass(10_000);
  failing.clear();
  await pass(10_000);
  expect(writes.slice(2)).toEqual(['a-terminating one', 'a-terminating one']);
  await writer.close();
});

test('a namespace that left and came back has it again', async () => {
  const { writer, writes, settle } = started();
  writer.update(['bank', 'shop'], 'one');
  await settle();
  writer.update(['bank'], 'one');
  await settle();
  writer.update(['bank', 'shop'], 'one');
  await settle();
  expect(writes).toEqual(['bank one', 'shop one', 'shop one']);
  await writer.close();
});

test('what somebody deletes is there again after a while', async () => {
  const { writer, writes, settle, pass } = started();
  writer.update(['shop'], 'one');
  await settle();
  await pass(5 * 60_000);
  expect(writes).toEqual(['shop one', 'shop one']);
  await writer.close();
});
