import { ClientHelloReader, Found, MAX_INSPECTED } from '../../../runtime/proxy/listener/client-hello';
import { clientHello, inRecords } from '../../runtime/proxy/support/client-hello';
import type { Target } from '../engine';
import { check, cutsOf } from './support';

/** What is found in bytes that come in these pieces; who has found something reads no further. */
function readIn(pieces: readonly Buffer[]): { found: Found; serverName: string; protocols: readonly string[] } {
  const reader = new ClientHelloReader();
  let found: Found = Found.More;
  for (const piece of pieces) {
    if (found !== Found.More) break;
    found = reader.read(piece, 0, piece.length);
  }
  const { serverName, protocols } = reader;
  if (found !== Found.Yes) return { found, serverName: '', protocols: [] };
  if (serverName !== serverName.toLowerCase()) throw new Error(`${serverName} is not in lower case`);
  return { found, serverName, protocols };
}

/** The ClientHello that the inspection of first bytes reads, before anything is known of the client. */
export async function clientHelloTarget(): Promise<Target> {
  const seeds = [
    await clientHello({ servername: 'Shop.example', ALPNProtocols: ['h2', 'http/1.1'] }), await clientHello({ maxVersion: 'TLSv1.2', servername: 'a' }), await clientHello(),
  ];
  return {
    name: 'client-hello',
    run: (input) => check(readIn(cutsOf(input)), readIn([input]), 'a cut changes what is found'),
    seeds: [...seeds, ...seeds.map((seed) => inRecords(seed, [1, 7, 100])), Buffer.alloc(MAX_INSPECTED + 1, 22)],
    dictionary: ['160301', '0100', '0000', '0010', 'ffff', '4000', '4001', '0303', '00'].map((hex) => Buffer.from(hex, 'hex')),
  };
}
