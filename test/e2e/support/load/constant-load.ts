import { Agent, request, type IncomingMessage } from 'node:http';
import type { Clock, Timer } from '../../../../runtime/clock';
import { DIGEST, digestOf, ID, payload, SERVED_BY } from './exchange';

export interface ConstantLoadOptions {
  readonly requestsPerSecond: number;
  /** Absolute URL, as an application asks its outbound proxy for it: `http://echo/`. */
  readonly url: string;
  /** Outbound proxies, HOST:PORT, in turn. */
  readonly proxies: readonly string[];
  /** GET has no body. */
  readonly method: string;
  /** Milliseconds after the moment that it was due at, from which an answer counts as late. */
  readonly lateAfter: number;
  /** Milliseconds after which a request without an answer is lost. */
  readonly lostAfter: number;
}

/** What became of a load. `sent = answered + underWay`, and lost and wrong are parts of what was answered. */
export interface LoadReport {
  readonly sent: number;
  /** Requests that came to an end, good or bad. */
  readonly answered: number;
  /** No answer, or one that is not the service's: an error of the mesh, a connection that was cut. */
  readonly lost: number;
  /** The answer to another request, or to other bytes than were sent, or other bytes than were answered. */
  readonly wrong: number;
  /** Good answers that came late. */
  readonly late: number;
  readonly underWay: number;
  /** Milliseconds since the first request. */
  readonly elapsed: number;
  /** Milliseconds from the moment that it was due at to its last byte: of all answers, and of the slowest. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Answers by who gave them. */
  readonly servedBy: Readonly<Record<string, number>>;
  /** The first of what was lost, wrong, in words. */
  readonly failures: readonly string[];
}

const MOST_FAILURES = 20;
/** Milliseconds between looks at what is due: several requests leave at once where the rate is higher. */
const TICK = 2;
/** Latencies are counted in steps of a millisecond up to here. */
const SLOWEST = 60_000;

/**
 * Sends requests at a constant rate, open loop: neither a slow answer nor a slow tick delays a request that is due, or its latency's begin. Each has an
 * id and a body of its own, and its answer is judged by both.
 */
export class ConstantLoad {
  private readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  private readonly run: string;
  private readonly latencies = new Uint32Array(SLOWEST);
  private readonly servedBy: Record<string, number> = {};
  private readonly failures: string[] = [];
  private readonly counts = { sent: 0, answered: 0, lost: 0, wrong: 0, late: 0, max: 0 };
  private begun: number | undefined;
  private timer: Timer | undefined;
  private idle: (() => void)[] = [];

  constructor(private readonly clock: Clock, private readonly options: ConstantLoadOptions) {
    this.run = `${process.pid.toString(36)}-${Math.floor(clock.wallTime()).toString(36)}`;
  }

  start(): void {
    this.begun = this.clock.now();
    this.tick();
  }

  /** Sends no more; resolves when every request has come to its end. */
  async stop(): Promise<LoadReport> {
    this.timer?.cancel();
    if (this.counts.sent > this.counts.answered) await new Promise<void>((resolve) => this.idle.push(resolve));
    this.agent.destroy();
    return this.report();
  }

  report(): LoadReport {
    const { sent, answered, lost, wrong, late, max } = this.counts;
    return {
      sent, answered, lost, wrong, late, underWay: sent - answered, elapsed: this.begun === undefined ? 0 : this.clock.now() - this.begun,
      latency: { p50: this.percentile(0.5), p99: this.percentile(0.99), max }, servedBy: { ...this.servedBy }, failures: [...this.failures],
    };
  }

  private percentile(part: number): number {
    let left = this.latencies.reduce((sum, count) => sum + count, 0) * part;
    for (let at = 0; at < SLOWEST; at++) if ((left -= this.latencies[at]!) < 0) return at;
    return 0;
  }

  private tick(): void {
    const { requestsPerSecond } = this.options;
    const due = Math.floor(((this.clock.now() - this.begun!) / 1000) * requestsPerSecond);
    while (this.counts.sent <= due) this.send(this.begun! + (this.counts.sent * 1000) / requestsPerSecond);
    this.timer = this.clock.setTimer(TICK, () => this.tick());
  }

  private send(due: number): void {
    const { url, proxies, method, lostAfter } = this.options;
    const number = this.counts.sent++;
    const id = `${this.run}-${number}`;
    const body = method === 'GET' ? Buffer.alloc(0) : payload(id, 'request');
    const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(proxies[number % proxies.length]!)!;
    let over = false;
    const timer = this.clock.setTimer(lostAfter, () => sent.destroy(new Error(`no answer within ${lostAfter} ms`)));
    const end = (problem?: { readonly kind: 'lost' | 'wrong'; readonly text: string }): void => {
      if (over) return;
      over = true;
      timer.cancel();
      this.ended(id, due, problem);
    };
    const headers = { host: new URL(url).host, [ID]: id, ...(method === 'GET' ? {} : { 'content-length': body.length }) };
    const sent = request({ host, port, path: url, method, agent: this.agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', (error) => end({ kind: 'lost', text: `cut off: ${error.message}` }));
      response.on('end', () => end(response.complete ? this.judge(id, body, response, Buffer.concat(parts)) : { kind: 'lost', text: 'cut off' }));
    });
    sent.on('error', (error) => end({ kind: 'lost', text: error.message }));
    sent.end(body);
  }

  private judge(id: string, body: Buffer, response: IncomingMessage, got: Buffer): { kind: 'lost' | 'wrong'; text: string } | undefined {
    const { statusCode, headers } = response;
    const wrong = (text: string) => ({ kind: 'wrong' as const, text });
    if (headers[ID] === undefined) return { kind: 'lost', text: `answered ${statusCode}: ${got.toString('latin1').slice(0, 300)}` };
    if (headers[ID] !== id) return wrong(`got the answer to ${String(headers[ID])}`);
    if (statusCode !== 200) return wrong(`status ${statusCode} of the service's own answer`);
    if (headers[DIGEST] !== digestOf(body)) return wrong(`the service got other bytes than the ${body.length} that were sent`);
    if (!got.equals(payload(id, 'answer'))) return wrong(`${got.length} bytes came that the service has not sent`);
    const by = String(headers[SERVED_BY]);
    this.servedBy[by] = (this.servedBy[by] ?? 0) + 1;
    return undefined;
  }

  private ended(id: string, due: number, problem: { readonly kind: 'lost' | 'wrong'; readonly text: string } | undefined): void {
    const { counts } = this;
    const latency = Math.max(0, this.clock.now() - due);
    counts.answered++;
    if (problem) {
      counts[problem.kind]++;
      const at = Math.round(this.clock.now() - this.begun!);
      if (this.failures.length < MOST_FAILURES) this.failures.push(`${id} at ${at} ms, ${problem.kind} after ${Math.round(latency)} ms: ${problem.text}`);
    } else {
      this.latencies[Math.min(SLOWEST - 1, Math.floor(latency))]!++;
      counts.max = Math.max(counts.max, latency);
      if (latency > this.options.lateAfter) counts.late++;
    }
    if (counts.answered === counts.sent) for (const resolve of this.idle.splice(0)) resolve();
  }
}
