import { isIP } from 'node:net';
import type { Clock } from '../../clock';
import type { Acceptor, Transport } from '../transport';
import { OperatorConnection } from './connection';
import { text, type Answer, type OperatorRequest, type Routes } from './types';

/** Where a server of pages listens, and by what. */
export interface OperatorSettings {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/**
 * A server of a few pages for operators and probes, on the proxy's own transport and parser: Node's HTTP would be more than a megabyte of every idle proxy.
 */
export class OperatorServer {
  private constructor(private readonly acceptor: Acceptor, private readonly connections: Set<OperatorConnection>) {}

  get port(): number {
    return this.acceptor.port;
  }

  /**
   * @param guarded refuses requests that name the server by anything but an address or `localhost`, so that a web page cannot reach it through a
   * name of its own, and changes that a web page asks for.
   */
  static async listen({ transport, clock, host, port }: OperatorSettings, routes: Routes, guarded: boolean): Promise<OperatorServer> {
    const connections = new Set<OperatorConnection>();
    const deps = {
      transport,
      clock,
      answer: async (request: OperatorRequest) => answer(request, routes, guarded),
      gone: (connection: OperatorConnection) => connections.delete(connection),
    };
    const acceptor = await transport.listen({ address: host, port, backlog: 511 }, (connection) => {
      connections.add(new OperatorConnection(connection, deps));
    });
    return new OperatorServer(acceptor, connections);
  }

  async close(): Promise<void> {
    const closed = this.acceptor.close();
    for (const connection of this.connections) connection.close();
    await closed;
  }
}

async function answer({ method: asked, host, target, origin }: OperatorRequest, routes: Routes, guarded: boolean): Promise<Answer> {
  if (guarded && !isLocalName(host)) return text('this server answers to its address only\n', 403);
  // Not by URL, which throws for targets such as `//` that any client may send.
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const route = routes.get(path);
  if (!route) return text(`no such page: ${path}\n`, 404);
  const method = asked === 'HEAD' ? 'GET' : asked;
  if (method !== route.method) return text(`${path} wants ${route.method}\n`, 405);
  // Browsers name the page that posts, and no page has any business here.
  if (guarded && method === 'POST' && origin !== undefined) return text('this server takes nothing from web pages\n', 403);
  try {
    return await route.handle(new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)));
  } catch (error) {
    return text(`${(error as Error).message}\n`, 500);
  }
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}
