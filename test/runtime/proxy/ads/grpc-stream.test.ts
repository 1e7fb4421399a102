import { createServer, type AddressInfo } from 'node:net';
import { systemClock, type Clock } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { grpcStreams } from '../../../../runtime/proxy/ads';
import { createRawTransport } from '../../../../runtime/proxy/transport';
import { create, DeltaDiscoveryRequestSchema, TypeUrl, type DeltaDiscoveryResponse } from '../../../../runtime/xds';
import { cluster } from '../config/resources';
import { FakeControlPlane } from './fake-server';

const config = { authority: 'control-plane.mesh', connectTimeout: 5_000, keepalive: { interval: 10_000, timeout: 5_000 } };

const transport = createRawTransport();
const deps = (clock: Clock = systemClock) => ({ transport, clock, random: () => 0, resolve: async () => ['127.0.0.1'] });

describe('streams over gRPC', () => {
  test('requests and answers go both ways; the end of the server ends the stream once', async () => {
    const { plane, port } = await FakeControlPlane.start({ [TypeUrl.CDS]: [cluster('a')] });
    let ends = 0;
    let ended: (reason: string) => void = () => undefined;
    const end = new Promise<string>((resolve) => { ended = resolve; });
    let answered: (response: DeltaDiscoveryResponse) => void = () => undefined;
    const answer = new Promise<DeltaDiscoveryResponse>((resolve) => { answered = resolve; });
    const stream = grpcStreams(config, deps())({ host: '127.0.0.1', port }, {
      response: (response) => answered(response),
      ended: (reason) => {
        ends++;
        ended(reason);
      },
    });
    stream.send(create(DeltaDiscoveryRequestSchema, { typeUrl: TypeUrl.CDS }));
    expect((await answer).resources.map(({ name }) => name)).toEqual(['a']);
    plane.stop();
    expect(await end).not.toBe('');
    stream.close();
    expect(ends).toBe(1);
  });

  test('nobody listens: the stream ends', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const reason = await new Promise<string>((ended) => {
      grpcStreams(config, deps())({ host: '127.0.0.1', port }, { response: () => undefined, ended });
    });
    expect(reason).toBe('Unavailable: nobody takes the connection');
  });

  test('somebody listens who never answers: the time to connect ends it', async () => {
    const sockets: { destroy(): void }[] = [];
    let accepted: () => void = () => undefined;
    const connected = new Promise<void>((resolve) => { accepted = resolve; });
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      accepted();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clock = new VirtualClock();
    const ended = new Promise<string>((resolve) => {
      grpcStreams(config, deps(clock))({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, { response: () => undefined, ended: resolve });
    });
    await connected;
    clock.advance(5_000);
    expect(await ended).toBe('Unavailable: no connection within 5000 ms');
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
});
