import { Agent, request } from 'node:http';
import { systemClock } from '../../../../runtime/clock';
import { OperatorServer } from '../../../../runtime/proxy/admin';
import { text, type Routes } from '../../../../runtime/proxy/admin/types';
import { createRawTransport } from '../../../../runtime/proxy/transport';

const transport = createRawTransport();
const routes: Routes = new Map([['/', { method: 'GET' as const, help: '', handle: () => text('here\n') }]]);

/** One request, on a connection of its own unless an agent has one. */
async function ask(host: string, port: number, agent: Agent | false = false): Promise<string> {
  return new Promise((answered, failed) => {
    const sent = request({ host, port, path: '/', agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => answered(`${response.statusCode} ${body}`));
    });
    sent.on('error', failed);
    sent.end();
  });
}

test.each(['127.0.0.1', '::1'])('an operators\' server answers at %s, and gives its address back when it closes', async (host) => {
  const server = await OperatorServer.listen({ transport, clock: systemClock, host, port: 0 }, routes, true);
  const { port } = server;
  const agent = new Agent({ keepAlive: true });
  expect([await ask(host, port, agent), await ask(host, port, agent), await ask(host, port)]).toEqual(['200 here\n', '200 here\n', '200 here\n']);
  // Connections that are kept do not keep it from closing.
  await expect(OperatorServer.listen({ transport, clock: systemClock, host, port }, routes, true)).rejects.toThrow('EADDRINUSE');
  await server.close();
  await expect(ask(host, port)).rejects.toThrow('ECONNREFUSED');
  const again = await OperatorServer.listen({ transport, clock: systemClock, host, port }, routes, true);
  expect(await ask(host, port)).toBe('200 here\n');
  await again.close();
  agent.destroy();
});
