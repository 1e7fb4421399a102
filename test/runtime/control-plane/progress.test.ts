import { VirtualClock } from '../../../runtime/clock/virtual';
import type { Connection } from '../../../runtime/control-plane/ads';
import { snapshotOf, type Snapshot } from '../../../runtime/control-plane/ads/snapshot';
import { DeltaStream } from '../../../runtime/control-plane/ads/stream';
import type { MeshModel } from '../../../runtime/control-plane/model';
import { progress } from '../../../runtime/control-plane/status/progress';
import { statusReport } from '../../../runtime/control-plane/status/status';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { DeltaClient } from './support/delta-client';
import { mesh, modelOf, whole, type Manifest } from './support/documents';

const NODE = { service: 'shop/order', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined };
const documents = (payment: string[], more: object = {}): Manifest[] => [
  mesh(), ...whole('order', ['10.0.0.1'], ['payment', 'stock']), ...whole('payment', payment, [], more), ...whole('stock', ['10.0.3.1']),
];

/** A proxy of order, and how often it was asked for one resource. */
class ConnectedProxy {
  asked = 0;
  private readonly stream = new DeltaStream({
    clock: new VirtualClock(), sent: () => {}, acknowledged: () => {}, refused: () => {},
    write: (parts) => {
      this.client.receive(Buffer.concat(parts));
      return true;
    },
  });
  readonly client = new DeltaClient((request) => this.stream.request(request));

  constructor(readonly id: string) {
    const stateOf = this.stream.stateOf.bind(this.stream);
    this.stream.stateOf = (...args) => {
      this.asked += 1;
      return stateOf(...args);
    };
  }

  connection(snapshot: Snapshot): Connection {
    this.stream.update(snapshot);
    return { peer: { id: this.id }, since: 0, node: NODE, stream: this.stream, snapshot } as Connection;
  }
}

const snapshotOfOrder = (model: MeshModel, before?: Snapshot) => snapshotOf(xdsResources(model, NODE), before);
const counts = (model: MeshModel, connections: Connection[]) => Object.fromEntries([...progress(model, connections)]
  .map(([object, { programmed, concerned }]) => [object, `${programmed} of ${concerned}`]));

test('who runs all of it is counted without a look at its resources; who is behind, resource by resource', () => {
  const proxies = ['order-1', 'order-2', 'order-3'].map((id) => new ConnectedProxy(id));
  const first = modelOf(documents(['10.0.2.1']));
  const before = snapshotOfOrder(first);
  const connected = proxies.map((proxy) => {
    const connection = proxy.connection(before);
    proxy.client.start();
    proxy.client.takeAll();
    return connection;
  });
  const all = (text: string) => ({ 'Mesh shop/mesh': text, 'MeshService shop/order': text, 'MeshService shop/payment': text, 'MeshService shop/stock': text });
  expect(counts(first, connected)).toEqual(all('3 of 3'));
  const nothingElse = { objects: [], unreadable: [], reached: new Map(), pods: undefined, previous: undefined, now: 0 };
  const report = () => statusReport({ ...nothingElse, connections: connected });
  expect(report().proxies.map(({ state }) => state)).toEqual(['current', 'current', 'current']);
  expect(proxies.map(({ asked }) => asked)).toEqual([0, 0, 0]);

  // Only endpoints change, and two of three have taken them.
  const second = modelOf(documents(['10.0.2.1', '10.0.2.2']), first);
  const after = snapshotOfOrder(second, before);
  const updated = proxies.map((proxy) => proxy.connection(after));
  for (const { client } of proxies.slice(0, 2)) client.takeAll();
  expect(counts(second, updated)).toEqual({ ...all('3 of 3'), 'MeshService shop/payment': '2 of 3' });
  const [one, two, three] = proxies.map(({ asked }) => asked);
  expect([one, two]).toEqual([0, 0]);
  // Those of the one type that it is behind with.
  expect(three).toBe(2);
  proxies[2].client.takeAll();
  expect(counts(second, updated)).toEqual(all('3 of 3'));
  expect(proxies[2].asked).toBe(three);
});

test('what resources were made of is known anew where the mesh is another one', () => {
  const proxy = new ConnectedProxy('order-1');
  const first = modelOf(documents(['10.0.2.1']));
  const connection = proxy.connection(snapshotOfOrder(first));
  proxy.client.start();
  proxy.client.takeAll();
  expect(Object.keys(counts(first, [connection]))).toContain('MeshService shop/payment');
  // Its MeshService is gone, and what the proxy has is still what it had.
  const isPayment = ({ kind, metadata }: Manifest) => kind === 'MeshService' && (metadata as { name: string }).name === 'payment';
  const gone = modelOf(documents(['10.0.2.1']).filter((one) => !isPayment(one)));
  expect(Object.keys(counts(gone, [connection]))).not.toContain('MeshService shop/payment');
});
