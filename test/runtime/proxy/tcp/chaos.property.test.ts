import * as fc from 'fast-check';
import type { MemoryConnection } from '../support/memory-transport';
import { NOTHING_OPEN, TcpHarness } from './support';

type Act = 'open' | 'connect' | 'fail' | 'send' | 'end' | 'reset' | 'stall' | 'drain' | 'wait';

interface Step {
  readonly what: Act;
  readonly who: 'client' | 'upstream';
  readonly which: number;
  readonly size: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom<Act>('open', 'open', 'connect', 'connect', 'fail', 'send', 'send', 'send', 'end', 'reset', 'stall', 'drain', 'wait'),
  who: fc.constantFrom('client', 'upstream'),
  which: fc.nat(9),
  size: fc.integer({ min: 1, max: 90_000 }),
});

/** One end as the test plays it. */
class Peer {
  sent = '';
  ended = false;
  private next = 0;

  constructor(readonly connection: MemoryConnection, private readonly id: string) {}

  send(size: number): void {
    if (this.ended || this.connection.closed) return;
    // Nobody else sends the same.
    const bytes = `${this.id}.${this.next++}`.padEnd(size, '.');
    this.sent += bytes;
    this.connection.deliver(bytes);
  }

  end(): void {
    if (this.ended || this.connection.closed) return;
    this.ended = true;
    this.connection.deliverEnd();
  }

  get received(): string {
    return this.connection.received;
  }
}

test('whatever clients and upstreams do: bytes stay in order, ends are passed on once all came, and nothing is left', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, inspected) => {
    const harness = await TcpHarness.start({
      tcp: { maxConnectAttempts: 2, idleTimeout: 60_000, maxDuration: 600_000 },
      cluster: { connectTimeout: 5_000, limits: { maxConnections: 4, maxPendingRequests: 4, maxRequests: 4, maxRetries: 4 } },
      inspect: inspected ? { tls: true, http: true, timeout: 200, continueOnTimeout: true } : {},
      ports: [9001, 9002],
    });
    const { transport } = harness;
    transport.autoConnect = false;
    const clients: Peer[] = [];
    const upstreams = new Map<MemoryConnection, Peer>();
    const made = new Set<MemoryConnection>();
    for (const { what, who, which, size } of steps) {
      const target = who === 'client' ? clients[which % Math.max(1, clients.length)] : [...upstreams.values()][which % Math.max(1, upstreams.size)];
      const connecting = transport.connected.filter((one) => !made.has(one) && !one.closed)[0];
      if (what === 'open') {
        clients.push(new Peer(transport.client(harness.listener.port), `client ${clients.length}`));
      } else if (what === 'wait') {
        harness.advance(size / 10);
      } else if (what === 'connect' || what === 'fail') {
        if (connecting !== undefined) {
          made.add(connecting);
          if (what === 'connect') {
            upstreams.set(connecting, new Peer(connecting, `upstream ${upstreams.size}`));
            connecting.connect();
          } else {
            connecting.deliverReset('connect_failed');
          }
        }
      } else if (target !== undefined) {
        if (what === 'send') target.send(size);
        else if (what === 'end') target.end();
        else if (what === 'reset') target.connection.deliverReset();
        else if (what === 'stall') target.connection.stalled = true;
        else target.connection.drain();
      }
      transport.settle();
    }
    // What an end got is a beginning of what another sent, all of it where it was told that this is all.
    const sources = [...clients, ...upstreams.values()];
    for (const peer of sources) {
      const from = sources.filter(({ sent }) => sent.startsWith(peer.received));
      expect(from.length).toBeGreaterThan(0);
      if (peer.connection.shutDown && !peer.connection.wasReset) expect(from.some(({ sent, ended }) => ended && sent === peer.received)).toBe(true);
    }
    // Everything runs into some bound, and is told of once.
    harness.advance(60_000);
    harness.advance(600_000);
    expect([harness.open, harness.ended.length]).toEqual([NOTHING_OPEN, harness.stats.cxTotal]);
    expect(harness.clock.timers).toBeLessThanOrEqual(4);
    for (const { connection } of sources) expect(connection.closed).toBe(true);
    await harness.proxy.close();
  }), { numRuns: 300 });
});
