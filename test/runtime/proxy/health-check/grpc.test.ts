import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { Http2Probe } from '../../../../runtime/proxy/health-check/http2-probe';
import type { ProbeResult } from '../../../../runtime/proxy/health-check/probe';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';

const COMMON = {
  timeout: 500, interval: 1000, unhealthyInterval: 0, initialJitter: 0, intervalJitter: 0, intervalJitterPercent: 0,
  unhealthyThreshold: 3, healthyThreshold: 2,
};
const same = (bytes: Buffer): Buffer => bytes;

/** grpc.health.v1.Health of a server of grpc-js: what it says of each service, as bytes of a HealthCheckResponse, or an error. */
async function serve(answers: Record<string, Buffer | Partial<grpc.ServiceError>>): Promise<{ port: number; authorities: string[]; stop(): void }> {
  const server = new grpc.Server();
  const authorities: string[] = [];
  server.addService({
    check: {
      path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
      requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
    },
  }, {
    check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      authorities.push(call.getHost());
      const { request } = call;
      const answer = answers[request.length === 0 ? '' : request.subarray(2).toString()] ?? { code: grpc.status.NOT_FOUND };
      if (Buffer.isBuffer(answer)) done(null, answer);
      else done(answer);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, authorities, stop: () => server.forceShutdown() };
}

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('%s transport', (_name, createTransport) => {
  const transport = createTransport();
  const check = async (port: number, config: ConstructorParameters<typeof Http2Probe>[0]): Promise<ProbeResult> => new Promise((resolve) => {
    const probe = new Http2Probe(config, false, transport.input, resolve);
    probe.connection = transport.connect('127.0.0.1', port, probe);
  });

  test('grpc.health.v1: SERVING is well, all else is not', async () => {
    const server = await serve({
      '': Buffer.from([8, 1]), 'shop.Up': Buffer.from([8, 1]), 'shop.Down': Buffer.from([8, 2]), 'shop.Unknown': Buffer.alloc(0), 'shop.Odd': Buffer.from([1, 2, 3]),
      'shop.Error': { code: grpc.status.UNIMPLEMENTED },
    });
    const of = async (service: string): Promise<ProbeResult> => check(server.port, { kind: 'grpc', ...COMMON, host: 'quotes.shop', service });
    const results = [];
    for (const service of ['', 'shop.Up', 'shop.Down', 'shop.Unknown', 'shop.Odd', 'shop.Error', 'shop.None']) results.push(await of(service));
    expect(results).toEqual(['healthy', 'healthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy']);
    expect(server.authorities).toEqual(new Array(7).fill('quotes.shop'));
    server.stop();
    expect(await of('')).toBe('network');
  });

  test('a status over HTTP/2', async () => {
    const server = http2.createServer((request, response) => {
      response.writeHead(Number(request.url.slice(1)), { 'x-long': 'v'.repeat(20_000) });
      response.end('body');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const of = async (path: string): Promise<ProbeResult> =>
      check(port, { kind: 'http', ...COMMON, host: 'quotes.shop', path, expectedStatuses: [{ start: 200, end: 201 }] });
    expect([await of('/200'), await of('/503')]).toEqual(['healthy', 'unhealthy']);
    await new Promise((resolve) => server.close(resolve));
  });
});
