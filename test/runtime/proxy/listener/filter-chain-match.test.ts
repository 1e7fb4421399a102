import type { FilterChainMatchConfig } from '../../../../runtime/proxy/config/types';
import { compileFilterChainMatch, duplicateMatches, type ConnectionTraits } from '../../../../runtime/proxy/listener/filter-chain-match';
import { MATCH_ALL } from '../support/config';

const match = (changes: Partial<FilterChainMatchConfig> = {}): FilterChainMatchConfig => ({ ...MATCH_ALL, ...changes });
const traits = (changes: Partial<ConnectionTraits> = {}): ConnectionTraits => ({
  destinationPort: 443, destinationAddress: '10.0.0.1', serverName: '', transportProtocol: 'raw_buffer', applicationProtocols: [], ...changes,
});
const tls = (serverName = '', ...applicationProtocols: string[]) => traits({ transportProtocol: 'tls', serverName, applicationProtocols });

describe('the chain of a connection, by Envoy\'s precedence', () => {
  test.each([
    ['a.shop.example', 0],
    ['b.shop.example', 1],
    ['x.y.shop.example', 1],
    ['shop.example', 2],
    ['other.example', 2],
    ['example', 3],
    ['', 3],
  ])('server name %j', (serverName, chain) => {
    const chains = [match({ serverNames: ['a.shop.example'] }), match({ serverNames: ['*.shop.example'] }), match({ serverNames: ['*.example'] }), match()];
    expect(compileFilterChainMatch(chains, false)(tls(serverName))).toBe(chain);
  });

  test('port, then name, then transport, then application protocol', () => {
    const choose = compileFilterChainMatch([
      match({ destinationPort: 8443, transportProtocol: 'tls' }),
      match({ serverNames: ['a'], applicationProtocols: ['h2'] }),
      match({ serverNames: ['a'], applicationProtocols: ['http/1.1', 'http/1.0'] }),
      match({ transportProtocol: 'tls' }),
      match({ applicationProtocols: ['http/1.1'] }),
      match({ transportProtocol: 'raw_buffer', applicationProtocols: ['h2c'] }),
    ], true);
    expect(choose({ ...tls('a', 'h2'), destinationPort: 8443 })).toBe(0);
    expect(choose(tls('a', 'http/1.1', 'h2'))).toBe(2);
    expect(choose(tls('a', 'spdy', 'h2'))).toBe(1);
    expect(choose(tls('b', 'http/1.1'))).toBe(3);
    expect(choose(traits({ applicationProtocols: ['h2c'] }))).toBe(5);
    // The default chain.
    expect(choose(traits())).toBe(6);
  });

  test('what is most specific is not given up for what is less', () => {
    const choose = compileFilterChainMatch([match({ serverNames: ['a'], transportProtocol: 'raw_buffer' }), match({ transportProtocol: 'tls' })], false);
    expect(choose(tls('a'))).toBe(-1);
    expect(choose(tls('b'))).toBe(1);
    const byPort = compileFilterChainMatch([match({ destinationPort: 443, serverNames: ['a'] }), match()], false);
    expect([byPort(tls('b')), byPort({ ...tls('b'), destinationPort: 80 })]).toEqual([-1, 1]);
  });
});

test('two chains that match the same are found, once', () => {
  expect(duplicateMatches([
    match({ serverNames: ['a', 'b'], applicationProtocols: ['x', 'y'] }), match({ serverNames: ['b', 'c'] }), match({ serverNames: ['a', 'b'], applicationProtocols: ['x'] }),
    match(), match({ serverNames: ['*.a'] }), match({ serverNames: ['c', 'c'] }),
  ])).toEqual([[0, 2], [1, 5]]);
});
