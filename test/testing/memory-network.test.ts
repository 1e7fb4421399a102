import { READ_OFFSET, type Connection, type ConnectionHandler, type Transport } from '../../runtime/proxy/transport';
import { MemoryNetwork } from '../../testing/memory-network';

/** Writes down what a connection tells. */
function recorder(transport: Transport, log: string[], name: string): ConnectionHandler {
  return {
    onConnect: () => log.push(`${name} connected`),
    onData: (length) => log.push(`${name} ${transport.input.toString('latin1', READ_OFFSET, READ_OFFSET + Math.min(length, 20))}${length > 20 ? `… ${length}` : ''}`),
    onEnd: () => log.push(`${name} end`),
    onDrain: () => log.push(`${name} drain`),
    onClosed: (reason) => log.push(`${name} ${reason}`),
  };
}

async function pair() {
  const network = new MemoryNetwork();
  const [near, far] = [network.transport('10.0.0.1'), network.transport('10.0.0.2')];
  const log: string[] = [];
  let server!: Connection;
  const acceptor = await far.listen({ address: '10.0.0.2', port: 80 }, (connection) => {
    server = connection;
    connection.handler = recorder(far, log, 'server');
  });
  const client = near.connect('10.0.0.2', 80, recorder(near, log, 'client'));
  network.pump();
  return { network, near, log, client, server, acceptor };
}
const write = (connection: Connection, text: string) => connection.write(Buffer.from(text), 0, text.length);

test('bytes arrive in order, an end after them, and each side knows the other', async () => {
  const { network, log, client, server } = await pair();
  expect([client.peerAddress, client.peerPort, server.peerAddress]).toEqual(['10.0.0.2', 80, '10.0.0.1']);
  write(client, 'one');
  write(client, 'two');
  client.shutdown();
  write(server, 'answer');
  expect(log).toEqual(['client connected']);
  network.pump();
  expect(log).toEqual(['client connected', 'server one', 'server two', 'server end', 'client answer']);
});

test('what comes while nobody reads waits, and its writer too', async () => {
  const { network, log, client, server } = await pair();
  server.readStop();
  const large = Buffer.alloc(300 * 1024, 97);
  expect(client.write(large, 0, large.length)).toBe(false);
  network.pump();
  expect(log).toEqual(['client connected']);
  expect(client.pendingBytes).toBeGreaterThan(0);
  server.readStart();
  network.pump();
  expect(log.slice(-2)).toEqual([expect.stringMatching(/^server a+… 45056$/), 'client drain']);
});

test('a reset, a refusal, and a write to somebody who has gone', async () => {
  const { network, near, log, client, server, acceptor } = await pair();
  server.reset();
  network.pump();
  expect(log.at(-1)).toBe('client reset');
  expect(client.closed).toBe(true);
  await acceptor.close();
  near.connect('10.0.0.2', 80, recorder(near, log, 'second'));
  network.pump();
  expect(log.at(-1)).toBe('second connect_failed');

  const other = await pair();
  other.client.close();
  other.network.pump();
  write(other.server, 'too late');
  other.network.pump();
  expect(other.log).toEqual(['client connected', 'server end', 'server reset']);
});

test('an address is bound once', async () => {
  const network = new MemoryNetwork();
  await network.transport('10.0.0.1').listen({ address: '10.0.0.1', port: 80 }, () => {});
  await expect(network.transport('10.0.0.1').listen({ address: '10.0.0.1', port: 80 }, () => {})).rejects.toThrow('EADDRINUSE');
});
