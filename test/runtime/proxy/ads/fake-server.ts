import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { RawResource } from '../../../../runtime/proxy/config/store';
import { create, DeltaDiscoveryResponseSchema, type DeltaDiscoveryRequest } from '../../../../runtime/xds';
import { AdsService, type AdsServerStream } from '../../xds/ads-service';

interface Waiting {
  readonly wanted: (request: DeltaDiscoveryRequest) => boolean;
  readonly found: (request: DeltaDiscoveryRequest) => void;
}

/** A control plane on a loopback port that answers every first request of a type with what it holds, and keeps everything it was sent. */
export class FakeControlPlane {
  readonly requests: DeltaDiscoveryRequest[] = [];
  readonly streams = new Set<AdsServerStream>();
  private readonly server = new Server();
  private readonly waiting: Waiting[] = [];
  private nonce = 0;

  private constructor(readonly resources: Map<string, RawResource[]>) {}

  static async start(resources: Record<string, RawResource[]>, port = 0): Promise<{ plane: FakeControlPlane; port: number }> {
    const plane = new FakeControlPlane(new Map(Object.entries(resources)));
    plane.server.addService(AdsService, { deltaAggregatedResources: (stream: AdsServerStream) => plane.accept(stream) });
    const bound = await new Promise<number>((resolve, reject) => {
      plane.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, got) => (error ? reject(error) : resolve(got)));
    });
    return { plane, port: bound };
  }

  /** Resolves with the first request, past ones included, that is wanted. */
  async request(wanted: (request: DeltaDiscoveryRequest) => boolean): Promise<DeltaDiscoveryRequest> {
    const past = this.requests.find(wanted);
    return past ?? new Promise((found) => this.waiting.push({ wanted, found }));
  }

  push(typeUrl: string, resources: RawResource[], removedResources: string[] = []): string {
    const nonce = `n${++this.nonce}`;
    for (const stream of this.streams) stream.write(create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, resources, removedResources }));
    return nonce;
  }

  stop(): void {
    this.server.forceShutdown();
  }

  private accept(stream: AdsServerStream): void {
    this.streams.add(stream);
    const answered = new Set<string>();
    stream.on('data', (request: DeltaDiscoveryRequest) => {
      this.requests.push(request);
      for (const waiter of [...this.waiting]) {
        if (!waiter.wanted(request)) continue;
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        waiter.found(request);
      }
      if (answered.has(request.typeUrl)) return;
      answered.add(request.typeUrl);
      this.push(request.typeUrl, this.resources.get(request.typeUrl) ?? []);
    });
    stream.on('error', () => this.streams.delete(stream));
    stream.on('end', () => {
      this.streams.delete(stream);
      stream.end();
    });
  }
}
