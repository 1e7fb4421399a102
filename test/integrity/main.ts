/**
 * `npm run integrity -- --requests N` and `npm run soak -- --minutes N` (`--seed N` repeats one): requests of random bodies, framings and cuts, with
 * aborts on either side, through the proxy as it ships, between every kind of client and every kind of upstream. Every digest has to be equal, every
 * answer that of its request; when all is over nothing may be left: no connection, request, timer or buffer. A soak also watches the proxy's heap.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Authority } from '../runtime/proxy/support/pki';
import { Http1Client, Http2Client, type Client, type Outcome } from './clients';
import { Failures, planOf } from './plan';
import { ProxyProcess, type Inside } from './proxy';
import { Upstreams } from './upstreams';

const KINDS = ['h1', 'h2', 'h1s', 'h2s'] as const;
/** Requests under way at once, for each pair of a kind of client and a kind of upstream. */
const WIDTH = 3;
/** What the heap may grow by over a soak, beyond what it was when everything had been used once. */
const GROWTH = 3 * 1024 * 1024;
/** Part of a soak before its heap is looked at: code is compiled, buffers have found their sizes. */
const WARM = 0.25;

interface Totals {
  requests: number;
  readonly outcomes: Record<Outcome, number>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  }));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One row of requests after the other, until `more` says that it is enough. */
async function row(client: Client, upstream: string, name: string, seed: number, totals: Totals, more: () => boolean): Promise<void> {
  for (let n = 0; more(); n++) {
    const plan = planOf(`${seed}-${name}-${n}`);
    totals.requests++;
    totals.outcomes[await client.ask(plan, `/${upstream}/${plan.id}`)]++;
  }
}

/** What has to be zero when nobody asks for anything any more. */
const GAUGES = /(_active|_pending|_open|buffered_bytes|_outstanding)$/;

async function settled(proxy: ProxyProcess): Promise<string[]> {
  let left: string[] = [];
  for (let tries = 0; tries < 100; tries++) {
    const stats = await proxy.stats();
    left = [...stats].filter(([name, value]) => GAUGES.test(name) && !name.includes('health') && value !== 0).map(([name, value]) => `${name} is ${value}`);
    if (left.length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return left;
}

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
const total = ({ heap, buffers }: Inside): number => heap + buffers;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { requests: { type: 'string', default: '100000' }, minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, width: { type: 'string' }, kinds: { type: 'string' }, node: { type: 'string', default: process.execPath } },
  });
  const soak = positionals[0] === 'soak';
  const requests = Number(values.requests), minutes = Number(values.minutes), width = Number(values.width ?? WIDTH);
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
  const kinds = (values.kinds ?? KINDS.join()).split(',');
  if (!kinds.every((kind) => (KINDS as readonly string[]).includes(kind)) || !['integrity', 'soak'].includes(positionals[0]) || ![requests, minutes, width, seed].every((n) => n >= 0)) {
    console.error('usage: integrity --requests N | soak --minutes N, with [--seed N] [--width N] [--kinds h1,h2,h1s,h2s] [--node BINARY]');
    return 2;
  }
  console.log(`seed ${seed}`);
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-integrity-'));
  const failures = new Failures();
  const authority = await Authority.create('Integrity');
  const { chain, key } = await authority.issue({ dns: ['integrity.test'], ips: ['127.0.0.1'] });
  const upstreams = await Upstreams.start(kinds, { cert: chain, key }, failures);
  let proxy: ProxyProcess | undefined;
  try {
    proxy = await ProxyProcess.start(values.node, folder, upstreams.ports, { cert: chain, key, ca: authority.bundle }, await freePorts(3));
    const started = await proxy.inside();
    const totals: Totals = { requests: 0, outcomes: { 'answered': 0, 'refused': 0, 'cut off': 0 } };
    const begin = Date.now();
    const end = begin + minutes * 60_000;
    const more = (): boolean => failures.list.length === 0 && (soak ? Date.now() < end : totals.requests < requests);
    const rows: Promise<void>[] = [];
    const clients: Client[] = [];
    for (const from of kinds) {
      for (const to of kinds) {
        const port = from.endsWith('s') ? proxy.ports.secure : proxy.ports.plain;
        const where = `${from} → ${to}`;
        const shared = new Http2Client(port, from.endsWith('s'), failures, where);
        for (let i = 0; i < width; i++) {
          const client = from.startsWith('h2') ? shared : new Http1Client(port, from.endsWith('s'), failures, where);
          clients.push(client);
          rows.push(row(client, to, `${from}-${to}-${i}`, seed, totals, more));
        }
      }
    }
    const heap: number[] = [];
    const look = (): void => void proxy!.inside().then((inside) => heap.push(total(inside)));
    const watching = soak ? setInterval(look, Math.max(1000, (end - begin) / 60)) : undefined;
    const report = setInterval(() => console.log(`${Math.round((Date.now() - begin) / 1000)} s: ${totals.requests} requests`), 30_000);
    await Promise.all(rows);
    for (const client of clients) client.close();
    clearInterval(watching);
    clearInterval(report);
    const seconds = (Date.now() - begin) / 1000;
    const { outcomes } = totals;
    console.log(`${totals.requests} requests in ${seconds.toFixed(0)} s: ${outcomes.answered} answered, ${outcomes.refused} refused and ${outcomes['cut off']} cut off`
      + ` where somebody broke off; upstreams saw ${upstreams.completed} whole`);
    for (const what of await settled(proxy)) failures.add(`left behind: ${what}`);
    const ended = await proxy.inside();
    console.log(`proxy: heap and buffers ${megabytes(total(started))} at the start, ${megabytes(total(ended))} at the end`);
    console.log(`waits for ${JSON.stringify(ended.resources)}, at the start ${JSON.stringify(started.resources)}`);
    for (const [name, count] of Object.entries(ended.resources)) {
      if (/TCP|TLS|Timeout/.test(name) && count > (started.resources[name] ?? 0) + 1) failures.add(`left behind: ${count} ${name}, ${started.resources[name] ?? 0} at the start`);
    }
    if (soak) judgeHeap(heap, failures);
    if (outcomes.answered < totals.requests / 2) failures.add(`only ${outcomes.answered} of ${totals.requests} were answered`);
    for (const failure of failures.list) {
      console.error(failure);
      const [id] = /\b\d+(-\w+){4}\b/.exec(failure) ?? [];
      for (const line of id === undefined ? [] : proxy.logged(id)) console.error(`    ${line}`);
    }
  } finally {
    await proxy?.stop();
    await upstreams.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return failures.list.length === 0 ? 0 : 1;
}

/** Flat: the middle of the last third is not above that of the first third after warming up, but for what chance does. */
function judgeHeap(samples: readonly number[], failures: Failures): void {
  const warm = samples.slice(Math.floor(samples.length * WARM));
  const third = Math.floor(warm.length / 3);
  const middle = (part: readonly number[]): number => [...part].sort((a, b) => a - b)[part.length >> 1];
  if (third < 2) return;
  const before = middle(warm.slice(0, third)), after = middle(warm.slice(-third));
  console.log(`heap and buffers under load, after a collection: ${megabytes(before)} early, ${megabytes(after)} late, at most ${megabytes(Math.max(...samples))}`);
  if (after - before > GROWTH) failures.add(`memory grows: ${megabytes(before)} early, ${megabytes(after)} late`);
}

main().then((status) => { process.exitCode = status; }, (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
