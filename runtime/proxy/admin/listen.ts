import type { Server } from 'node:http';
import { isIPv6, Socket, type AddressInfo } from 'node:net';
import { check, loadBinding, type Address } from '../transport/raw-binding';

/** A server that accepts connections. */
export interface Listening {
  readonly port: number;
  /** Accepts no more. */
  stop(): void;
}

/**
 * Has an HTTP server accept connections. Where the runtime lets it, by a handle of its own: `Server.listen` loads the runtime's cluster, child
 * processes and datagrams, 2 MB of every idle proxy that nothing else needs.
 */
export async function listenHttp(server: Server, host: string, port: number): Promise<Listening> {
  let binding: ReturnType<typeof loadBinding>;
  try {
    binding = loadBinding();
    if (typeof binding.TCP !== 'function') throw new Error('there is no handle of TCP');
  } catch {
    return listenPublicly(server, host, port);
  }
  const handle = new binding.TCP(binding.constants.SERVER);
  try {
    check(isIPv6(host) ? handle.bind6(host, port, 0) : handle.bind(host, port), `bind ${host}:${port}`);
    handle.onconnection = (error, accepted) => {
      if (error === 0) server.emit('connection', new Socket({ handle: accepted, allowHalfOpen: true, readable: true, writable: true } as object));
    };
    check(handle.listen(511), `listen ${host}:${port}`);
    const bound: Partial<Address> = {};
    check(handle.getsockname(bound), 'getsockname');
    // From then on it watches over its connections.
    server.emit('listening');
    return { port: bound.port!, stop: () => handle.close() };
  } catch (error) {
    handle.close();
    throw error;
  }
}

async function listenPublicly(server: Server, host: string, port: number): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { port: (server.address() as AddressInfo).port, stop: () => undefined };
}
