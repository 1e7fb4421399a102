import { Agent, request } from 'node:http';
import { OUTBOUND_PORT } from '../../src/contract';
import type { Clock, Timer } from '../clock';
import type { LoadSettings } from './settings';
import type { PodSpec } from './types';

/** One request of the load, as its sender saw it. */
export interface LoadResult {
  readonly settings: LoadSettings;
  /** Status of the answer; 0 where there was none. */
  readonly status: number;
  readonly error: string | undefined;
  /** What policy of the mesh made the answer: `type` of its problem document; undefined for the application's own. */
  readonly problem: string | undefined;
  /** Milliseconds. */
  readonly latency: number;
}

/** Longest wait for an answer, in milliseconds: above any timeout that a mesh should have. */
const TIMEOUT = 30_000;

/** Sends requests at an even rate, each through the outbound proxy of a ready pod, in turn; open loop: a slow answer delays no other request. */
export class LoadGenerator {
  private readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  private timer: Timer | undefined;
  private sent = 0;
  private begun = 0;
  private stopped = false;
  /** Requests that have no answer yet. */
  underWay = 0;

  constructor(
    private readonly clock: Clock, private readonly settings: LoadSettings, private readonly senders: () => readonly PodSpec[],
    private readonly random: () => number, private readonly onResult: (result: LoadResult) => void,
    /** A token by its name in the settings. */
    private readonly token: (name: string) => string = () => '',
  ) {}

  start(): void {
    this.begun = this.clock.now();
    this.schedule();
  }

  /** Sends no more; what is under way still counts. */
  pause(): void {
    this.timer?.cancel();
  }

  /** Sends no more, and forgets what is under way. */
  stop(): void {
    this.stopped = true;
    this.pause();
    this.agent.destroy();
  }

  /** By the clock and not from the last request, so that lateness does not add up. */
  private schedule(): void {
    const due = this.begun + (++this.sent * 1000) / this.settings.requestsPerSecond;
    this.timer = this.clock.setTimer(Math.max(0, due - this.clock.now()), () => {
      this.send();
      this.schedule();
    });
  }

  private send(): void {
    const senders = this.senders();
    const pod = senders[this.sent % Math.max(1, senders.length)];
    if (!pod) return;
    this.underWay++;
    const { settings, agent, clock, random, token } = this;
    sendRequest({ settings, proxy: pod.address, agent, clock, random, token }, (result) => {
      this.underWay--;
      if (!this.stopped) this.onResult(result);
    });
  }
}

interface Sending {
  readonly settings: LoadSettings;
  /** Address of the pod whose outbound proxy takes the request. */
  readonly proxy: string;
  readonly agent: Agent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly token: (name: string) => string;
}

/** Sends one request; `done` is called exactly once. */
function sendRequest({ settings, proxy, agent, clock, random, token }: Sending, done: (result: LoadResult) => void): void {
  const fill = (text: string) => text.replace(/\$\(random:(\d+)\)/g, (_, below: string) => String(Math.floor(random() * Number(below))));
  const begun = clock.now();
  let over = false;
  const end = (status: number, error?: string, problem?: string) => {
    if (over) return;
    over = true;
    done({ settings, status, error, problem, latency: clock.now() - begun });
  };
  const url = fill(settings.url);
  const headers = Object.fromEntries(Object.entries(settings.headers)
    .map(([name, value]) => [name, fill(value).replace(/\$\(token:([^)]*)\)/g, (_, of: string) => token(of))]));
  const sent = request({
    host: proxy,
    port: OUTBOUND_PORT,
    path: url,
    method: settings.method,
    agent,
    timeout: TIMEOUT,
    headers: { host: new URL(url).host, ...headers, ...(settings.body === undefined ? {} : { 'content-type': 'application/json' }) },
  }, (response) => {
    const isProblem = response.headers['content-type']?.startsWith('application/problem+json') ?? false;
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => { if (isProblem && body.length < 4096) body += chunk; });
    response.on('end', () => end(response.statusCode!, undefined, isProblem ? problemType(body) : undefined));
    response.on('error', (error) => end(0, error.message));
  });
  sent.on('timeout', () => sent.destroy(new Error('no answer')));
  sent.on('error', (error) => end(0, error.message));
  sent.end(settings.body === undefined ? undefined : fill(settings.body));
}

function problemType(body: string): string {
  try {
    const { type, title } = JSON.parse(body) as { type?: string; title?: string };
    return title ?? type ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
