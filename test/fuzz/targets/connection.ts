import { VirtualClock } from '../../../runtime/clock/virtual';
import { NO_TABLE } from '../../../runtime/proxy/http2/hpack/encoder';
import { FrameType, PREFACE } from '../../../runtime/proxy/http2/protocol';
import { Proxy } from '../../../runtime/proxy/proxy';
import { REQUESTS, RESPONSES, PIECES } from '../../runtime/proxy/http1/corpus';
import { actionConfig, clusterConfig, listenerConfig, retryConfig, routeConfig, routeTable, snapshot } from '../../runtime/proxy/support/config';
import { managerOf } from '../../runtime/proxy/support/harness';
import { MemoryTransport, type MemoryConnection } from '../../runtime/proxy/support/memory-transport';
import type { Target } from '../engine';
import { check } from './support';

/*
 * The whole proxy between a client and its upstreams, on memory and virtual time. An input is a script of steps, each one byte for what is done, one
 * for its length, and so many bytes: so one mutation changes who speaks, another what is said.
 */
const STEPS = [
  'client', 'upstream', 'client', 'upstream', 'clientEnds', 'upstreamEnds', 'clientStalls', 'upstreamStalls', 'drain', 'wait', 'another', 'clientResets', 'upstreamResets',
] as const;
type Step = (typeof STEPS)[number];

const script = (...steps: [Step, (string | Buffer)?][]): Buffer => Buffer.concat(steps.flatMap(([step, said = '']) => {
  const bytes = typeof said === 'string' ? Buffer.from(said, 'latin1') : said;
  const pieces: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    const piece = bytes.subarray(at, at + 255);
    pieces.push(Buffer.from([STEPS.indexOf(step), piece.length]), piece);
  }
  return pieces;
}));

class Stage {
  readonly clock = new VirtualClock();
  readonly transport = new MemoryTransport();
  readonly proxy: Proxy;

  constructor() {
    const deferred: (() => void)[] = [];
    this.proxy = new Proxy({
      clock: this.clock,
      transport: this.transport,
      random: () => 0.5,
      defer: (run) => {
        deferred.push(run);
        this.transport.later(() => deferred.shift()?.());
      },
    });
  }

  async start(http2Upstream: boolean): Promise<void> {
    const cluster = clusterConfig({
      connectTimeout: 100,
      idleTimeout: 200,
      http2: http2Upstream ? { maxConcurrentStreams: 4, initialStreamWindow: 65_536, connectionWindow: 65_536 } : undefined,
    });
    const routes = routeTable([routeConfig(actionConfig({ timeout: 300, retry: retryConfig({ maxRetries: 1, baseInterval: 10 }) }))]);
    const listener = listenerConfig({ streamIdleTimeout: 400, idleTimeout: 500, requestHeadersTimeout: 250, requestTimeout: 350 });
    await this.proxy.apply(snapshot(listener, routes, [[cluster, [9001]]]));
  }

  run(input: Buffer): void {
    const { transport, clock } = this;
    const listener = this.proxy.listeners.get('ingress')!;
    const cluster = this.proxy.clusters.get('payment')!;
    transport.connected.length = 0;
    const clients: MemoryConnection[] = [transport.client(listener.port)];
    const client = (): MemoryConnection => clients[clients.length - 1];
    for (let at = 0; at + 1 < input.length;) {
      const step = STEPS[input[at] % STEPS.length];
      const said = input.subarray(at + 2, at + 2 + input[at + 1]);
      at += 2 + input[at + 1];
      const upstream = transport.connected.findLast(({ closed }) => !closed);
      switch (step) {
        case 'client': if (!client().closed) client().deliver(said); break;
        case 'upstream': upstream?.deliver(said); break;
        case 'clientEnds': if (!client().closed) client().deliverEnd(); break;
        case 'upstreamEnds': upstream?.deliverEnd(); break;
        case 'clientStalls': client().stalled = true; break;
        case 'upstreamStalls': if (upstream) upstream.stalled = true; break;
        case 'drain': for (const each of [...clients, ...transport.connected]) if (each.stalled) each.drain(); break;
        case 'wait': clock.advance(said.length * 8); break;
        case 'another': if (clients.length < 8) clients.push(transport.client(listener.port)); break;
        case 'clientResets': client().deliverReset(); break;
        case 'upstreamResets': upstream?.deliverReset(); break;
      }
      transport.settle();
    }
    // All ends by some bound.
    for (let i = 0; i < 6; i++) {
      for (const each of [...clients, ...transport.connected]) if (each.stalled) each.drain();
      transport.settle();
      clock.advance(600);
      transport.settle();
    }
    const { rqActive, upgradeActive, cxActive, rqTotal, rqByClass } = managerOf(listener).stats;
    const { activeRequests, activeRetries, pending, connections: open } = cluster;
    check({ rqActive, upgradeActive, cxActive, activeRequests, activeRetries, pending, open }, {
      rqActive: 0, upgradeActive: 0, cxActive: 0, activeRequests: 0, activeRetries: 0, pending: 0, open: 0,
    }, 'something is left');
    check(rqByClass.reduce((sum, n) => sum + n, 0), rqTotal, 'requests that ended');
    check(clients.filter(({ closed }) => !closed).length, 0, 'clients left open');
    check(transport.connected.filter(({ closed }) => !closed).length, 0, 'upstreams left open');
  }
}

async function target(name: string, http2Upstream: boolean, seeds: readonly Buffer[], dictionary: readonly Buffer[]): Promise<Target> {
  const fresh = async (): Promise<Stage> => {
    const made = new Stage();
    await made.start(http2Upstream);
    return made;
  };
  let stage = await fresh();
  const renew = async (): Promise<void> => { stage = await fresh(); };
  return { name, seeds, dictionary, run: (input) => stage.run(input), renew, steps: { base: 1_000_000, perByte: 20_000 } };
}

const frame = (type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer => {
  const body = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
};
const SETTINGS = frame(FrameType.Settings, 0, 0);
const ACK = frame(FrameType.Settings, 1, 0);
const GET = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 97]);
const POST = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 97]);
const OK = Buffer.from([NO_TABLE, 0x88]);
const FRAMES = [
  SETTINGS, ACK, frame(FrameType.Headers, 5, 1, GET), frame(FrameType.Headers, 4, 1, POST), frame(FrameType.Data, 1, 1, 'hello'),
  frame(FrameType.Data, 0, 1, 'x'),
  frame(FrameType.RstStream, 0, 1, Buffer.from([0, 0, 0, 8])), frame(FrameType.WindowUpdate, 0, 0, Buffer.from([0, 0, 1, 0])),
  frame(FrameType.Ping, 0, 0, Buffer.alloc(8)), frame(FrameType.GoAway, 0, 0, Buffer.alloc(8)), frame(FrameType.Headers, 4, 1, OK),
  frame(FrameType.Headers, 5, 1, OK), frame(FrameType.Headers, 1, 1, GET), frame(FrameType.Continuation, 4, 1),
  frame(FrameType.Priority, 0, 1, Buffer.alloc(5, 1)), frame(FrameType.Headers, 5, 3, GET), frame(FrameType.Data, 9, 1, Buffer.from([2, 97, 0, 0])),
];

const http1Scripts = [
  ...REQUESTS.flatMap((request) => RESPONSES.map((response) => script(['client', request], ['upstream', response], ['upstreamEnds']))),
  script(['client', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
    ['upstream', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi'], ['client', 'frame'], ['clientEnds'], ['upstream', 'x'], ['upstreamEnds']),
  script(['client', 'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n'], ['upstream', 'HTTP/1.1 100 Continue\r\n\r\n'], ['client', 'abc'], ['upstreamResets']),
  script(['client', `${REQUESTS[0]}${REQUESTS[1]}${REQUESTS[0]}`], ['upstream', RESPONSES[0]], ['clientStalls'], ['upstream', RESPONSES[1]], ['drain'], ['wait', 'x'.repeat(50)], ['another'], ['client', REQUESTS[0]]),
];
const http2Client = [
  script(['client', Buffer.concat([PREFACE, SETTINGS, FRAMES[2]])], ['upstream', RESPONSES[0]], ['client', FRAMES[15]], ['upstream', RESPONSES[1]]),
  script(['client', Buffer.concat([PREFACE, SETTINGS, FRAMES[3], FRAMES[5], FRAMES[4]])], ['upstream', RESPONSES[4]], ['upstreamEnds'], ['client', FRAMES[6]]),
  script(['client', Buffer.concat([PREFACE, SETTINGS, ...FRAMES])], ['clientEnds']),
];
const http2Upstream = [
  script(['client', REQUESTS[0]], ['upstream', Buffer.concat([SETTINGS, ACK, FRAMES[10], FRAMES[4]])], ['client', REQUESTS[1]], ['upstream', frame(FrameType.Headers, 5, 3, OK)]),
  script(['client', Buffer.concat([PREFACE, SETTINGS, FRAMES[2], FRAMES[15]])], ['upstream', Buffer.concat([SETTINGS, FRAMES[11], FRAMES[6], FRAMES[9]])], ['upstreamEnds']),
];
const texts = PIECES.map((text) => Buffer.from(text, 'latin1'));

/** The targets that need a proxy. */
export async function connections(): Promise<Target[]> {
  return [
    await target('connection-http1', false, http1Scripts, [...texts, ...REQUESTS.map((text) => script(['client', text]))]),
    await target('connection-http2', false, http2Client, FRAMES),
    await target('upstream-http2', true, http2Upstream, FRAMES),
  ];
}
