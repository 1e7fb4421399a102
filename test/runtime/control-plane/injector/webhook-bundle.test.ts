import { VirtualClock } from '../../../../runtime/clock/virtual';
import { WebhookBundle } from '../../../../runtime/control-plane/injector';
import { ApiError, type ApiRequest, type KubernetesApi, type WatchHandlers } from '../../../../runtime/control-plane/kubernetes';
import { silentLog } from '../../../../runtime/control-plane/log';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const configuration = (...bundles: readonly (string | undefined)[]) => ({
  metadata: { name: 'injector', resourceVersion: '1' },
  webhooks: bundles.map((caBundle, index) => ({ name: `w${index}`, clientConfig: { service: {}, ...caBundle === undefined ? {} : { caBundle } } })),
});

function started() {
  const clock = new VirtualClock();
  const patches: object[] = [];
  let refused = 0;
  let current = configuration(undefined, undefined);
  let watch: WatchHandlers | undefined;
  const api: KubernetesApi = {
    server: 'test',
    request: async <T>({ method, path, body }: ApiRequest) => {
      if (method === 'GET') {
        expect(path).toContain('fieldSelector=metadata.name%3Dinjector');
        return { metadata: { resourceVersion: '1' }, items: [current] } as T;
      }
      if (refused-- > 0) throw new ApiError(500, 'InternalError', 'etcd is away');
      patches.push(body as object);
      const { webhooks } = body as { webhooks: Array<{ name: string; clientConfig: { caBundle: string } }> };
      const merged = current.webhooks.map((one) => ({ ...one, ...webhooks.find(({ name }) => name === one.name) }));
      current = { ...current, webhooks: merged } as typeof current;
      return current as T;
    },
    watch: (_, handlers) => {
      watch = handlers;
      handlers.started();
      return { close: () => {} };
    },
    close: () => {},
  };
  const bundle = new WebhookBundle({ api, clock, random: () => 0.5, log: silentLog, name: 'injector' });
  bundle.start();
  return {
    bundle, patches, clock,
    refuse: (times: number) => { refused = times; },
    applied: (object: ReturnType<typeof configuration>) => {
      current = object;
      watch!.event({ type: 'MODIFIED', object });
    },
    settle: async () => { for (let turn = 0; turn < 40; turn++) await Promise.resolve(); },
  };
}

test('both webhooks know the roots, and nothing is written twice', async () => {
  const { bundle, patches, settle } = started();
  await settle();
  bundle.update('roots');
  await settle();
  bundle.update('roots');
  await settle();
  expect(patches).toEqual([{ webhooks: ['w0', 'w1'].map((name) => ({ name, clientConfig: { caBundle: base64('roots') } })) }]);
  await bundle.close();
});

test('other roots replace them, and whoever applies the configuration anew without them has them back', async () => {
  const { bundle, patches, applied, settle } = started();
  bundle.update('roots');
  await settle();
  bundle.update('others');
  await settle();
  expect(patches).toHaveLength(2);
  applied(configuration(base64('others'), undefined));
  await settle();
  expect(patches.at(-1)).toEqual({ webhooks: [{ name: 'w1', clientConfig: { caBundle: base64('others') } }] });
  await bundle.close();
});

test('a write that failed is tried again', async () => {
  const { bundle, patches, clock, refuse, settle } = started();
  refuse(2);
  bundle.update('roots');
  await settle();
  expect(patches).toEqual([]);
  clock.advance(1000);
  await settle();
  clock.advance(10_000);
  await settle();
  expect(patches).toHaveLength(1);
  await bundle.close();
});
