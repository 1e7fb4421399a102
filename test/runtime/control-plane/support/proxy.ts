import { credentials } from '@grpc/grpc-js';
import { create, NodeSchema, TypeUrl, type DeltaDiscoveryResponse } from '../../../../runtime/xds';
import { DeltaClient, line } from './delta-client';
import { createAdsClient, type AdsClient, type AdsClientStream } from './grpc-clients';

/** A proxy over real gRPC. Each response is taken at once; the test waits for what it expects. */
export class Proxy {
  readonly lines: string[] = [];
  readonly client: DeltaClient;
  ended: Promise<string>;
  private readonly channel: AdsClient;
  private readonly stream: AdsClientStream;
  private fences = 0;
  private readonly waiting: { until: () => boolean; done: () => void }[] = [];

  constructor(port: number, name: string, metadata?: object, before?: Proxy) {
    const own = metadata ?? { service: name, namespace: 'shop', version: 'base', podIp: '10.0.0.1' };
    this.channel = createAdsClient(`127.0.0.1:${port}`, credentials.createInsecure());
    this.stream = this.channel.deltaAggregatedResources();
    this.client = new DeltaClient((request) => this.stream.write(request), create(NodeSchema, { id: `${name}-1.shop`, metadata: { ...own } }));
    if (before) Object.assign(this.client.held, before.client.held);
    this.stream.on('data', (response: DeltaDiscoveryResponse) => {
      this.client.inbox.push(response);
      this.lines.push(line(this.client.take()));
      this.waiting.splice(0).forEach((one) => (one.until() ? one.done() : this.waiting.push(one)));
    });
    this.ended = new Promise((done) => {
      this.stream.on('error', (error) => done(error.message));
      this.stream.on('end', () => done('end'));
    });
  }

  start(): this {
    this.client.start();
    return this;
  }

  /** Resolves with all lines so far once the last of them is this one. */
  async until(last: string): Promise<string[]> {
    await this.reached(() => this.lines.at(-1) === last);
    return this.lines.splice(0);
  }

  /** Resolves once the resource is held, and routes behind it. */
  async holds(resource: string): Promise<void> {
    await this.reached(() => resource in this.client.versions() && this.lines.includes('RouteConfiguration +outbound'));
  }

  private async reached(until: () => boolean): Promise<void> {
    if (!until()) await new Promise<void>((done) => this.waiting.push({ until, done }));
  }

  /** Resolves once the control plane has had all answers: a question behind them is answered. */
  async heard(): Promise<void> {
    this.fences += 1;
    const name = `fence-${this.fences}`;
    this.client.request({ typeUrl: TypeUrl.EDS, resourceNamesSubscribe: [name] });
    await this.reached(() => this.lines.some((one) => one.endsWith(` -${name}`)));
    this.lines.splice(0);
  }

  close(): void {
    this.stream.cancel();
    this.channel.close();
  }
}
