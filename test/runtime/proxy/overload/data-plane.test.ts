import { VirtualClock } from '../../../../runtime/clock/virtual';
import { connectionsText } from '../../../../runtime/proxy/admin/connections';
import type { ClusterConfig } from '../../../../runtime/proxy/config/types';
import { LocalDataPlane } from '../../../../runtime/proxy/data-plane/local';
import type { ConnectionView } from '../../../../runtime/proxy/data-plane/types';
import { Decoded, HpackDecoder } from '../../../../runtime/proxy/http2/hpack/decoder';
import { FieldSection } from '../../../../runtime/proxy/http2/hpack/field-section';
import { FrameType } from '../../../../runtime/proxy/http2/protocol';
import { Families } from '../../../../runtime/proxy/observe/families';
import type { OverloadConfig, OverloadResource } from '../../../../runtime/proxy/overload/types';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot, type ListenerChanges } from '../support/config';
import { framesOf, get, nextRound, SETTINGS, SETTINGS_ACK, START } from '../support/frames';
import { GET, OK, parseAnswer } from '../support/harness';
import { MemoryTransport, type MemoryConnection } from '../support/memory-transport';

/** Stops reading at 80 % of `max`, and does nothing else by itself. */
const watching = (resource: OverloadResource, max: number): OverloadConfig => ({
  refreshInterval: 250,
  monitors: [{ name: 'watched', resource, max }],
  actions: [{ name: 'meshwright.overload_actions.stop_reading', kind: 'stop_reading', triggers: [{ monitor: 'watched', threshold: 0.8 }] }],
});
const LOG = { path: '-', jsonFormat: new Map([['status', '%RESPONSE_CODE%'], ['flags', '%RESPONSE_FLAGS%']]), filter: undefined } as unknown as ListenerChanges['accessLog'];

/** A data plane as a process or worker has it, on memory and virtual time. */
class Plane {
  readonly clock = new VirtualClock();
  readonly transport = new MemoryTransport();
  readonly logged: unknown[] = [];
  readonly plane: LocalDataPlane;

  constructor(overload: OverloadConfig, othersBuffer: () => number = () => 0) {
    const { clock, transport } = this;
    this.plane = new LocalDataPlane({
      clock, transport, overload, random: () => 0.5,
      bufferedInPod: (own) => own + othersBuffer(),
      openLog: () => ({
        dropped: 0,
        problem: undefined,
        write: (line) => void this.logged.push(JSON.parse(line)),
        append: (bytes, end) => void this.logged.push(JSON.parse(bytes.toString('utf8', 0, end))),
        reopen: () => undefined,
        close: async () => undefined,
      }),
    });
  }

  async start(cluster: Partial<ClusterConfig> = {}): Promise<this> {
    const listener = listenerConfig({ port: 8080, codec: 'auto', accessLog: LOG });
    await this.plane.apply(snapshot(listener, routeTable([routeConfig(actionConfig())]), [[clusterConfig(cluster), [9001]]]));
    return this;
  }

  client(bytes: string | Buffer, client = this.transport.client(8080)): MemoryConnection {
    client.deliver(bytes);
    this.transport.settle();
    return client;
  }

  /** The upstream of the request that was made last answers. */
  answer(bytes = OK): void {
    this.transport.last.deliver(bytes);
    this.transport.settle();
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds);
    this.transport.settle();
  }

  stat(name: string): number | undefined {
    const families = new Families();
    families.mergeFrom(this.plane.reportNow().families);
    const line = families.stats().split('\n').find((text) => text.startsWith(`${name}: `));
    return line === undefined ? undefined : Number(line.slice(name.length + 2));
  }
}

const STOPPED = 'overload.meshwright.overload_actions.stop_reading.active';

let made: Plane;
afterEach(async () => {
  await made.plane.close();
  expect(made.clock.timers).toBe(0);
});

/** The header list of the only answer that a client of HTTP/2 has. */
function headOf(client: MemoryConnection): Record<string, string> {
  const { payload } = framesOf(client).find(({ type }) => type === FrameType.Headers)!;
  const section = new FieldSection(4096);
  expect(new HpackDecoder().decode(payload, 0, payload.length, section)).toBe(Decoded.Ok);
  return Object.fromEntries(Array.from({ length: section.count }, (_, i) => [section.name(i), section.value(i)]));
}

/** A client that takes nothing of an answer of 50,000 bytes. */
function slowReader(): MemoryConnection {
  const slow = made.client(GET);
  slow.stalled = true;
  made.answer(`HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n${'x'.repeat(50_000)}`);
  return slow;
}

test('bytes that nobody takes: clients are not read, then are told, and are served again once the bytes are gone', async () => {
  made = await new Plane(watching('buffered_bytes', 60_000)).start();
  const slow = slowReader();
  expect(made.stat('overload.buffered_bytes')).toBeGreaterThan(50_000);
  expect(made.stat('overload.connection_buffered_bytes_max')).toBe(made.stat('overload.buffered_bytes'));
  made.advance(250);
  expect(made.stat(STOPPED)).toBe(1);
  // Reading has stopped, of those that come, too, whatever they speak.
  const waits = made.client(GET);
  const streams = made.client(Buffer.concat([START, SETTINGS_ACK, get(1)]));
  expect([waits.heldBytes > 0, streams.heldBytes > 0, made.transport.connected.length]).toEqual([true, true, 1]);
  made.advance(1_000);
  await nextRound();
  made.transport.settle();
  expect(parseAnswer(waits.received)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(headOf(streams)).toMatchObject({ ':status': '503', 'retry-after': '1' });
  expect(made.transport.connected).toHaveLength(1);
  expect(made.logged).toEqual([{ status: 200, flags: '-' }, { status: 503, flags: 'OM' }, { status: 503, flags: 'OM' }]);
  expect(made.stat('http.ingress.downstream_rq_overload_close')).toBe(2);
  expect(made.stat('overload.watched.pressure')).toBeGreaterThanOrEqual(80);
  slow.drain();
  made.advance(250);
  expect(made.stat(STOPPED)).toBe(0);
  waits.takeReceived();
  made.client(GET, waits);
  made.answer();
  expect(parseAnswer(waits.received).status).toBe(200);
});

test('what other workers of the pod buffer counts as well', async () => {
  let others = 0;
  made = await new Plane(watching('buffered_bytes', 1_000), () => others).start();
  others = 800;
  made.advance(250);
  const client = made.client(GET);
  expect([client.heldBytes, made.stat(STOPPED)]).toEqual([GET.length, 1]);
  others = 0;
  made.advance(250);
  expect(client.heldBytes).toBe(0);
});

test('the heap of this thread is watched', async () => {
  made = await new Plane(watching('heap', 1)).start();
  made.advance(250);
  expect(made.stat(STOPPED)).toBe(1);
  expect(made.stat('overload.watched.pressure')).toBeGreaterThan(100 * 1024 * 1024);
});

const sumOf = (connections: readonly ConnectionView[]): number => connections.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);

test('each connection says what it holds; together it is what the proxy holds', async () => {
  made = await new Plane(watching('buffered_bytes', 1_000_000)).start();
  const slow = slowReader();
  made.client('GET / HTTP/1.1\r\nhost: sh');
  made.client(Buffer.concat([START, SETTINGS_ACK, get(1), get(3)]));
  const connections = await made.plane.connections();
  expect(connections).toEqual([
    { side: 'downstream', name: 'ingress', peer: '127.0.0.1:40000', protocol: 'HTTP/1.1', active: 0, bufferedBytes: slow.pendingBytes },
    { side: 'downstream', name: 'ingress', peer: '127.0.0.1:40000', protocol: 'HTTP/1.1', active: 0, bufferedBytes: 24 },
    { side: 'downstream', name: 'ingress', peer: '127.0.0.1:40000', protocol: 'HTTP/2', active: 2, bufferedBytes: expect.any(Number) as number },
  ]);
  expect(sumOf(connections)).toBe(made.stat('overload.buffered_bytes'));
  // Those that hold most come first.
  expect(connectionsText([...connections].reverse()).split('\n')[0]).toBe(`downstream::ingress::127.0.0.1:40000::HTTP/1.1::0::${slow.pendingBytes}`);
});

test('connections that many requests share are shown, with what waits on them', async () => {
  made = await new Plane(watching('buffered_bytes', 1_000_000)).start({ http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 65_536 } });
  made.client(GET);
  await nextRound();
  made.client(GET);
  await nextRound();
  const upstream = made.transport.last;
  upstream.deliver(SETTINGS);
  made.transport.settle();
  upstream.stalled = true;
  made.client(GET);
  await nextRound();
  expect(upstream.pendingBytes).toBeGreaterThan(0);
  const connections = await made.plane.connections();
  expect(connections.find(({ side }) => side === 'upstream')).toEqual(
    { side: 'upstream', name: 'payment', peer: '127.0.0.1:9001', protocol: 'HTTP/2', active: 3, bufferedBytes: upstream.pendingBytes });
  expect(sumOf(connections)).toBe(made.stat('overload.buffered_bytes'));
});

test('the timeouts that are set are counted, and none stays behind its request', async () => {
  made = await new Plane(watching('buffered_bytes', 1_000_000)).start();
  expect(made.stat('deadlines_pending')).toBe(0);
  const client = made.client(GET);
  expect(made.stat('deadlines_pending')).toBeGreaterThan(0);
  made.answer('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  client.deliverReset();
  expect(made.stat('deadlines_pending')).toBe(0);
});
