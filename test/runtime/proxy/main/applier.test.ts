import { VirtualClock } from '../../../../runtime/clock/virtual';
import { Applier } from '../../../../runtime/proxy/applier';
import type { ProxySnapshot } from '../../../../runtime/proxy/config/types';
import { ListenError, listenFailures } from '../../../../runtime/proxy/listen-error';
import { Readiness } from '../../../../runtime/proxy/readiness';
import { listenerConfig } from '../support/config';

const snapshot = (): ProxySnapshot => ({ listeners: new Map(), routes: new Map(), clusters: new Map(), endpoints: new Map(), secrets: new Map() });

describe('putting snapshots in force', () => {
  function setup() {
    const clock = new VirtualClock();
    const calls: { snapshot: ProxySnapshot; resolve: () => void; reject: (error: Error) => void }[] = [];
    const applied: ProxySnapshot[] = [];
    const failed: string[] = [];
    const target = {
      apply: async (taken: ProxySnapshot) => new Promise<void>((resolve, reject) => { calls.push({ snapshot: taken, resolve, reject }); }),
    };
    const applier = new Applier(target, clock, (done) => applied.push(done), (error) => failed.push(error.message));
    return { clock, calls, applied, failed, applier };
  }

  test('one at a time; of those that came meanwhile only the newest', async () => {
    const { calls, applied, applier } = setup();
    const [a, b, c] = [snapshot(), snapshot(), snapshot()];
    [a, b, c].forEach((one) => applier.submit(one));
    expect(calls.map((call) => call.snapshot)).toEqual([a]);
    calls[0].resolve();
    await new Promise(setImmediate);
    expect(calls.map((call) => call.snapshot)[1]).toBe(c);
    calls[1].resolve();
    await applier.settled();
    expect(applied).toEqual([a, c]);
    expect(calls).toHaveLength(2);
  });

  test('one that fails is said and tried again, unless a newer one has come', async () => {
    const { clock, calls, applied, failed, applier } = setup();
    const [a, b] = [snapshot(), snapshot()];
    applier.submit(a);
    calls[0].reject(new Error('port taken'));
    await applier.settled();
    expect(failed).toEqual(['port taken']);
    clock.advance(5_000);
    expect(calls[1].snapshot).toBe(a);
    calls[1].reject(new Error('still taken'));
    await applier.settled();
    applier.submit(b);
    calls[2].resolve();
    await applier.settled();
    expect(applied).toEqual([b]);
    expect(clock.timers).toBe(0);
  });

  test('a listener that cannot have its address costs itself only; it is tried again', async () => {
    const { clock, calls, applied, failed, applier } = setup();
    const table = (name: string) => ({ name, virtualHosts: [] });
    const before = listenerConfig({ name: 'a', port: 80, routeTable: 'r0' });
    const first: ProxySnapshot = { ...snapshot(), listeners: new Map([['a', before]]), routes: new Map([['r0', table('r0')]]) };
    applier.began(first);
    const [moved, other, good] = [listenerConfig({ name: 'a', port: 81, routeTable: 'r1' }), listenerConfig({ name: 'b', port: 82 }), listenerConfig({ name: 'c', port: 83 })];
    const wanted: ProxySnapshot = {
      ...snapshot(), listeners: new Map([['a', moved], ['b', other], ['c', good]]), routes: new Map([['r1', table('r1')]]),
    };
    applier.submit(wanted);
    calls[0].reject(new AggregateError([new ListenError('a', 'listener a: EADDRINUSE'), new ListenError('b', 'listener b: EACCES')], 'two'));
    await new Promise(setImmediate);
    // The one that was there goes on as it was, with what it needs; the new one is left out; the rest is in force.
    expect([...calls[1].snapshot.listeners]).toEqual([['a', before], ['c', good]]);
    expect([...calls[1].snapshot.routes.keys()]).toEqual(['r0', 'r1']);
    calls[1].resolve();
    expect(listenFailures(await applier.settled())).toEqual(new Map([['a', 'listener a: EADDRINUSE'], ['b', 'listener b: EACCES']]));
    expect([applied, failed]).toEqual([[wanted], ['two']]);
    clock.advance(5_000);
    expect(calls[2].snapshot).toBe(wanted);
    calls[2].resolve();
    expect(await applier.settled()).toBeUndefined();
  });

  test('where something else is wrong, too, nothing is put in force', async () => {
    const { calls, applied, applier } = setup();
    applier.submit(snapshot());
    calls[0].reject(new AggregateError([new ListenError('a', 'EADDRINUSE'), new Error('a bad table')], 'both'));
    expect((await applier.settled())!.message).toBe('both');
    expect([calls.length, applied]).toEqual([1, []]);
  });

  test('closed: nothing is tried again', async () => {
    const { clock, calls, failed, applier } = setup();
    applier.submit(snapshot());
    applier.close();
    calls[0].reject(new Error('the proxy is closed'));
    await applier.settled();
    applier.submit(snapshot());
    expect([calls.length, failed.length, clock.timers]).toEqual([1, 0, 0]);
  });
});

describe('readiness', () => {
  function setup() {
    const clock = new VirtualClock();
    const now = { applied: false, answered: false, warming: [] as string[] };
    const readiness = new Readiness({ applied: () => now.applied, answered: () => now.answered, warming: () => now.warming }, clock);
    return { clock, now, readiness };
  }

  test('once all that was told at the start serves; what comes later takes nothing away', () => {
    const { now, readiness } = setup();
    expect(readiness.state).toBe('PRE_INITIALIZING');
    expect(readiness.waitingFor()).toEqual(['the control plane', 'the first configuration to be in force']);
    now.applied = true;
    expect(readiness.state).toBe('INITIALIZING');
    now.answered = true;
    now.warming = ['cluster a'];
    expect(readiness.state).toBe('INITIALIZING');
    expect(readiness.waitingFor()).toEqual(['cluster a']);
    now.warming = [];
    expect(readiness.state).toBe('LIVE');
    now.warming = ['listener b'];
    now.applied = false;
    expect([readiness.state, readiness.waitingFor()]).toEqual(['LIVE', []]);
  });

  test('what never arrives is waited for 15 seconds', () => {
    const { clock, now, readiness } = setup();
    Object.assign(now, { applied: true, answered: true, warming: ['cluster a'] });
    expect(readiness.state).toBe('INITIALIZING');
    clock.advance(14_999);
    expect(readiness.state).toBe('INITIALIZING');
    clock.advance(1);
    expect(readiness.state).toBe('LIVE');
  });

  test('a failed health check can be undone, a drain cannot', () => {
    const { now, readiness } = setup();
    Object.assign(now, { applied: true, answered: true });
    readiness.failHealthcheck(true);
    expect(readiness.state).toBe('DRAINING');
    readiness.failHealthcheck(false);
    expect(readiness.state).toBe('LIVE');
    readiness.drain();
    readiness.failHealthcheck(false);
    expect(readiness.state).toBe('DRAINING');
  });
});
