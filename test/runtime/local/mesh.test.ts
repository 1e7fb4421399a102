import * as fc from 'fast-check';
import { parse } from 'yaml';
import { VirtualClock } from '../../../runtime/clock/virtual';
import { AddressBlock } from '../../../runtime/local/addresses';
import { parseCommand } from '../../../runtime/local/commands';
import { LocalMesh, type Effects, type MeshEvent } from '../../../runtime/local/mesh';
import { parseSettings } from '../../../runtime/local/settings';
import { podKey, type KubeObject, type PodSpec, type ProcessSpec } from '../../../runtime/local/types';
import { desiredWorkloads } from '../../../runtime/local/workloads';
import { service, workload } from './manifests';

const settings = parseSettings('images:\n  shop/payment: { command: [payment], control: { port: 9900, verbs: [fail, ok] } }\n  shop/order: { command: [order] }\n', 'x.yaml');

interface Process {
  readonly pid: number;
  readonly pod: PodSpec;
  readonly spec: ProcessSpec;
  readonly exit: (reason: string) => void;
}

/** A machine on which a process starts at once, is ready `bootTime` later and ends `endTime` after SIGTERM. */
class FakeMachine implements Effects {
  readonly clock = new VirtualClock();
  readonly processes = new Map<number, Process>();
  readonly events: string[] = [];
  readonly signals: string[] = [];
  published: ReadonlyMap<string, string> = new Map();
  bootTime = 500;
  endTime = 100;
  /** Pods whose name matches never become ready. */
  sick = /^$/;
  private readonly startedAt = new Map<string, number>();
  private lastPid = 100;
  private readonly addresses = AddressBlock.parse('127.77.0.0/16');
  readonly mesh = new LocalMesh(this.clock, this, {}, (event: MeshEvent) => {
    this.events.push(`${event.kind} ${event.pod.name}${event.kind === 'exited' ? ` ${event.process} ${event.reason}, again in ${event.restartIn}` : ''}`);
  });

  apply(...objects: KubeObject[]): void {
    const installation = { node: 'node', proxy: 'proxy', controlPlane: 'cp', sources: [], state: '/state' };
    const { workloads, problems } = desiredWorkloads(objects, settings, this.addresses, installation);
    expect(problems).toEqual([]);
    this.mesh.apply(workloads.slice(1), objects);
  }

  spawn(pod: PodSpec, spec: ProcessSpec, exit: (reason: string) => void): number {
    const pid = ++this.lastPid;
    this.processes.set(pid, { pid, pod, spec, exit });
    this.startedAt.set(podKey(pod), this.clock.now());
    return pid;
  }

  signal(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    const process = this.processes.get(pid)!;
    this.signals.push(`${signal} ${process.pod.name} ${process.spec.role}`);
    this.clock.setTimer(signal === 'SIGKILL' ? 0 : this.endTime, () => this.crash(pid, signal));
  }

  crash(pid: number, reason: string): void {
    const process = this.processes.get(pid);
    this.processes.delete(pid);
    process?.exit(reason);
  }

  probe(pod: PodSpec, done: (ready: boolean) => void): void {
    const up = [...this.processes.values()].filter((process) => process.pod === pod).length === pod.processes.length;
    const ready = up && this.clock.now() - this.startedAt.get(podKey(pod))! >= this.bootTime && !this.sick.test(pod.name);
    this.clock.setTimer(1, () => done(ready));
  }

  publish(files: ReadonlyMap<string, string>): void {
    this.published = files;
  }

  find(role: ProcessSpec['role'], pod: PodSpec): Process {
    return [...this.processes.values()].find((process) => process.spec.role === role && process.pod === pod)!;
  }

  endpoints(name: string): { addresses: string[]; conditions: { ready: boolean; terminating: boolean } }[] {
    return (parse(this.published.get(`shop.${name}.yaml`)!) as { endpoints: never[] }).endpoints;
  }

  readyEndpoints(name: string): number {
    return this.endpoints(name).filter(({ conditions }) => conditions.ready).length;
  }
}

test('pods start, become ready, and get endpoints at the port that the Service targets by name', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), service('payment'));
  expect(machine.processes.size).toBe(4);
  expect(machine.readyEndpoints('payment')).toBe(0);
  machine.clock.advance(1000);
  expect(machine.readyEndpoints('payment')).toBe(2);
  expect(parse(machine.published.get('shop.payment.yaml')!)).toMatchObject({
    kind: 'EndpointSlice',
    metadata: { namespace: 'shop', labels: { 'kubernetes.io/service-name': 'payment' } },
    ports: [{ name: 'http', port: 15006, protocol: 'TCP', appProtocol: 'http' }],
    endpoints: [
      { addresses: ['127.77.1.1'], conditions: { ready: true, serving: true, terminating: false } },
      { addresses: ['127.77.1.2'] },
    ],
  });
});

test('a crash takes the endpoint out at once; restarts wait longer each time, and less again after a long quiet run', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 1), service('payment'));
  machine.clock.advance(1000);
  const pod = machine.mesh.pods()[0]!.spec;
  const crash = () => machine.crash(machine.find('app', pod).pid, 'exit 1');
  crash();
  expect(machine.readyEndpoints('payment')).toBe(0);
  machine.clock.advance(200);
  crash();
  machine.clock.advance(399);
  expect(machine.processes.size).toBe(1);
  machine.clock.advance(1);
  expect(machine.processes.size).toBe(2);
  machine.clock.advance(600);
  expect(machine.readyEndpoints('payment')).toBe(1);
  machine.clock.advance(30_000);
  crash();
  expect(machine.events.filter((event) => event.startsWith('exited'))).toEqual([200, 400, 200].map((ms) => `exited ${pod.name} payment exit 1, again in ${ms}`));
  expect(machine.mesh.pods()[0]!.restarts).toBe(3);
});

test('more and fewer replicas: the others keep running, and one that goes is drained before it ends, its proxy before its application', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), service('payment'));
  machine.clock.advance(1000);
  const before = [...machine.processes.keys()];
  machine.apply(workload('payment', 3), service('payment'));
  machine.clock.advance(1000);
  expect(machine.readyEndpoints('payment')).toBe(3);
  expect([...machine.processes.keys()].slice(0, 4)).toEqual(before);

  machine.apply(workload('payment', 2), service('payment'));
  expect(machine.endpoints('payment').map(({ conditions }) => conditions)).toContainEqual({ ready: false, serving: true, terminating: true });
  expect(machine.signals).toEqual([]);
  machine.clock.advance(750);
  expect(machine.signals).toHaveLength(1);
  machine.clock.advance(5000);
  const gone = machine.events.find((event) => event.startsWith('gone '))!.slice(5);
  expect(machine.signals).toEqual([`SIGTERM ${gone} proxy`, `SIGTERM ${gone} app`]);
  expect([...machine.processes.keys()]).toHaveLength(4);
  expect(machine.endpoints('payment')).toHaveLength(2);
});

test('a changed Deployment is rolled: never fewer ready endpoints than replicas, never more than one pod above', () => {
  const time = fc.integer({ min: 1, max: 2000 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), time, time, (replicas, bootTime, endTime) => {
    const machine = new FakeMachine();
    Object.assign(machine, { bootTime, endTime });
    machine.apply(workload('payment', replicas), service('payment'));
    machine.clock.advance(5000);
    machine.apply(workload('payment', replicas, 'shop/payment:2'), service('payment'));
    for (let i = 0; i < 600; i++) {
      machine.clock.advance(50);
      expect(machine.readyEndpoints('payment')).toBeGreaterThanOrEqual(replicas);
      expect(machine.mesh.pods().filter(({ phase }) => phase === 'running').length).toBeLessThanOrEqual(replicas + 1);
    }
    expect(machine.processes.size).toBe(2 * replicas);
    expect(machine.events.filter((event) => event.startsWith('gone'))).toHaveLength(replicas);
  }), { numRuns: 10 });
});

test('a new version that never becomes ready leaves the old pods alone', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 3), service('payment'));
  machine.clock.advance(1000);
  const old = new Set(machine.mesh.pods().map(({ spec }) => spec.name));
  machine.sick = { test: (name: string) => !old.has(name) } as RegExp;
  machine.apply(workload('payment', 3, 'shop/payment:2'), service('payment'));
  machine.clock.advance(60_000);
  expect(machine.readyEndpoints('payment')).toBe(3);
  expect(machine.mesh.pods()).toHaveLength(4);
  // Taken back: what never served goes, and nothing else does.
  machine.apply(workload('payment', 3), service('payment'));
  machine.clock.advance(5000);
  expect(machine.mesh.pods().map(({ spec }) => spec.name).sort()).toEqual([...old].sort());
});

test('pods of a StatefulSet are replaced in place, one after the other, the last first', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 3, 'shop/payment:1', 'StatefulSet'), service('payment'));
  machine.clock.advance(1000);
  machine.apply(workload('payment', 3, 'shop/payment:2', 'StatefulSet'), service('payment'));
  for (let i = 0; i < 200; i++) {
    machine.clock.advance(50);
    expect(machine.readyEndpoints('payment')).toBeGreaterThanOrEqual(2);
  }
  expect(machine.events.filter((event) => event.startsWith('gone'))).toEqual(['gone payment-2', 'gone payment-1', 'gone payment-0']);
  expect(machine.readyEndpoints('payment')).toBe(3);
});

test('a removed workload goes, with its endpoints', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 1), service('payment'), workload('order', 1), service('order'));
  machine.clock.advance(1000);
  machine.apply(workload('order', 1), service('order'));
  machine.clock.advance(5000);
  expect(machine.mesh.pods().map(({ spec }) => spec.service)).toEqual(['order']);
  expect([...machine.published.keys()]).toEqual(['shop.order.yaml']);
});

test('stop ends everything, and kills what does not end by the deadline', async () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), workload('order', 1));
  machine.clock.advance(1000);
  machine.endTime = 60_000;
  const stopped = machine.mesh.stop(3000);
  machine.clock.advance(2999);
  expect(machine.processes.size).toBe(6);
  machine.clock.advance(10);
  await stopped;
  expect(machine.processes.size).toBe(0);
  expect(machine.clock.timers).toBeLessThanOrEqual(6); // Only those of the fake machine's own SIGTERMs.
  machine.apply(workload('payment', 1));
  expect(machine.processes.size).toBe(0);
});

test('kill takes one pod, which comes back; a proxy alone can be killed too', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), service('payment'));
  machine.clock.advance(1000);
  const { pods } = parseCommand('payment: kill', machine.mesh.pods());
  machine.mesh.kill(podKey(pods[0]!));
  machine.clock.advance(0);
  expect(machine.readyEndpoints('payment')).toBe(1);
  machine.clock.advance(1500);
  expect(machine.readyEndpoints('payment')).toBe(2);
  machine.mesh.kill(podKey(pods[0]!), ['proxy']);
  machine.clock.advance(0);
  expect(machine.signals.slice(-1)).toEqual([`SIGKILL ${pods[0]!.name} proxy`]);
});

test('a pod that was stopped stays so until it is started', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), service('payment'));
  machine.clock.advance(1000);
  for (const pod of parseCommand('payment: stop', machine.mesh.pods()).pods) machine.mesh.hold(podKey(pod));
  machine.clock.advance(60_000);
  expect([machine.processes.size, machine.readyEndpoints('payment')]).toEqual([0, 0]);
  for (const pod of parseCommand('payment: start', machine.mesh.pods()).pods) machine.mesh.release(podKey(pod));
  machine.clock.advance(1000);
  expect([machine.processes.size, machine.readyEndpoints('payment')]).toEqual([4, 2]);
});

test('commands name a service, a workload or a pod; what they cannot is said with what they can', () => {
  const machine = new FakeMachine();
  machine.apply(workload('payment', 2), workload('order', 1));
  machine.clock.advance(1000);
  const pods = machine.mesh.pods();
  const run = (line: string) => parseCommand(line, pods);
  expect(run('payment: fail').pods).toHaveLength(2);
  expect(run(' payment  ok ').pods).toHaveLength(2);
  expect(run('payment:kill').pods).toHaveLength(1);
  expect(run(`${pods[0]!.spec.name}: fail`).pods).toEqual([pods[0]!.spec]);
  expect(run(`shop/${pods[1]!.spec.name}: fail`).pods).toEqual([pods[1]!.spec]);
  expect(() => run('paymnet: fail')).toThrow('paymnet: no such service or pod; there are order, payment');
  expect(() => run('payment: explode')).toThrow('payment: cannot explode; it can fail, ok, kill, kill-app, kill-proxy, stop, start');
  expect(() => run('order: fail')).toThrow('order: cannot fail; it can kill, kill-app, kill-proxy, stop, start');
  expect(() => run('hello')).toThrow('a command is <service>: <verb>, such as payment: fail');
});
