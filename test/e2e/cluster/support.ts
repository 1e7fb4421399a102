/** A cluster that `test/cluster/up --node` brought up, for suites whose pods run on it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { kubeconfig } from './api-server/support';

const execute = promisify(execFile);
export const ROOT = resolve(__dirname, '../../..');
const KUBECTL = join(ROOT, 'test/cluster/kubectl');

const environment = () => ({ ...process.env, TESTCLUSTER_STATE: dirname(kubeconfig()) });

/** Runs kubectl as the administrator. @throws with what it said, where it fails */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(KUBECTL, args, { env: environment(), maxBuffer: 64 << 20 });
  return stdout;
}

/** Everything that it said, and whether it succeeded. */
export async function kubectlTried(...args: readonly string[]): Promise<{ succeeded: boolean; said: string }> {
  const failed = ({ stderr }: { stderr: string }) => ({ succeeded: false, said: stderr });
  return kubectl(...args).then((said) => ({ succeeded: true, said }), failed);
}

/** A pod, as far as the suites read it. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly status: { readonly podIP: string; readonly phase: string };
}

/** Pods that are ready and not about to end. */
export async function podsOf(namespace: string, selector: string): Promise<Pod[]> {
  const { items } = JSON.parse(await kubectl('get', 'pods', '-n', namespace, '-l', selector, '-o', 'json')) as {
    items: (Pod & { metadata: { deletionTimestamp?: string }; status: { conditions?: { type: string; status: string }[] } })[];
  };
  return items.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'));
}

/** Resolves when every Deployment of the namespace has rolled out. */
export async function rolledOut(namespace: string, ...names: readonly string[]): Promise<void> {
  const deployments = names.length > 0 ? names.map((name) => `deployment/${name}`)
    : (await kubectl('get', 'deployments', '-n', namespace, '-o', 'name')).trim().split('\n');
  for (const deployment of deployments) await kubectl('rollout', 'status', '-n', namespace, deployment, '--timeout=180s');
}

/** Runs a Node.js program in a container of a pod, whose image has Node.js and no shell. */
export async function nodeIn(pod: Pod, container: string, program: string, ...args: readonly string[]): Promise<string> {
  return kubectl('exec', '-n', pod.metadata.namespace, pod.metadata.name, '-c', container, '--', '/usr/bin/node', '-e', program, ...args);
}

/** Processes of this machine that run in containers of a pod, by the pod's control group. */
export function processesOf(pod: Pod): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      if (!readFileSync(`/proc/${name}/cgroup`, 'utf8').includes(`pod${pod.metadata.uid}`)) return [];
      return [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
    } catch {
      return [];
    }
  });
}

/** What a network interface of a pod carries, as tcpdump writes it. */
export class Capture {
  /** Resolves once it captures. */
  static async start(pod: Pod, device: string, filter: string): Promise<Capture> {
    const [{ pid }] = processesOf(pod);
    const args = [`--net=/proc/${pid}/ns/net`, 'tcpdump', '-i', device, '-s', '0', '-U', '--immediate-mode', '-Z', 'root', '-w', '-', filter];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await new Promise<void>((listening, failed) => {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (part: string) => {
        said += part;
        if (said.includes('listening on')) listening();
      });
      child.once('error', failed).once('exit', () => failed(new Error(`tcpdump ended: ${said}`)));
    });
    return new Capture(child);
  }

  private readonly parts: Buffer[] = [];

  private constructor(private readonly child: ChildProcess) {
    child.stdout!.on('data', (part: Buffer) => this.parts.push(part));
  }

  /** Ends it. @returns the bytes of TCP of each packet that has any, with the name of its direction */
  async stop(): Promise<Segment[]> {
    const closed = once(this.child, 'close');
    this.child.kill('SIGINT');
    await closed;
    return segmentsOf(Buffer.concat(this.parts));
  }
}

export interface Segment {
  /** `10.0.0.1:40000 > 10.0.0.2:15006`. */
  readonly flow: string;
  /** Number of its first byte in the stream. */
  readonly sequence: number;
  readonly bytes: Buffer;
}

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET_HEADER = 14;

/** TCP over IPv4 of a capture of Ethernet frames (https://datatracker.ietf.org/doc/html/draft-ietf-opsawg-pcap, little endian). */
export function segmentsOf(pcap: Buffer): Segment[] {
  const segments: Segment[] = [];
  for (let at = PCAP_HEADER; at + RECORD_HEADER <= pcap.length;) {
    const length = pcap.readUInt32LE(at + 8);
    const frame = pcap.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    at += RECORD_HEADER + length;
    const ip = frame.subarray(ETHERNET_HEADER);
    const segment = frame.readUInt16BE(12) === 0x0800 && ip[9] === 6 ? segmentOf(ip) : undefined;
    if (segment && segment.bytes.length > 0) segments.push(segment);
  }
  return segments;
}

function segmentOf(ip: Buffer): Segment {
  const tcp = ip.subarray((ip[0] & 0x0f) * 4, ip.readUInt16BE(2));
  const address = (from: number) => [...ip.subarray(from, from + 4)].join('.');
  const flow = `${address(12)}:${tcp.readUInt16BE(0)} > ${address(16)}:${tcp.readUInt16BE(2)}`;
  return { flow, sequence: tcp.readUInt32BE(4), bytes: tcp.subarray((tcp[12] >> 4) * 4) };
}

/** The bytes of each direction of each connection, in their order, each once. */
export function streamsOf(segments: readonly Segment[]): Map<string, Buffer> {
  const flows = new Map<string, Segment[]>();
  for (const segment of segments) flows.set(segment.flow, [...flows.get(segment.flow) ?? [], segment]);
  return new Map([...flows].map(([flow, all]) => {
    const parts: Buffer[] = [];
    let next: number | undefined;
    for (const { sequence, bytes } of all.sort((a, b) => a.sequence - b.sequence)) {
      const known = next === undefined ? 0 : next - sequence;
      if (known >= bytes.length) continue;
      parts.push(bytes.subarray(Math.max(0, known)));
      next = sequence + bytes.length;
    }
    return [flow, Buffer.concat(parts)];
  }));
}

/** Types of the TLS records of a stream that was captured from its start (RFC 8446, section 5.1). @throws where it is anything else */
export function tlsRecords(stream: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 5 <= stream.length; at += 5 + stream.readUInt16BE(at + 3)) {
    const [type, major] = stream.subarray(at);
    if (type < 20 || type > 23 || major !== 3) throw new Error(`not a TLS record at ${at}: ${stream.subarray(at, at + 40).toString('latin1')}`);
    types.push(type);
  }
  return types;
}
