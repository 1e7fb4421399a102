/** A request of the table, and what both proxies must make of it. */
export interface Case {
  readonly name: string;
  /** `Host` of the request; `shop` unless said otherwise. */
  readonly host?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Send the target in absolute form, as a client does that is told of a proxy. */
  readonly absolute?: boolean;
  readonly status: number;
  /** The version that answers; undefined: the proxy itself does. */
  readonly backend?: string;
  /** How often it is tried; 1 unless said otherwise, 0 where the proxy answers without one. */
  readonly tries?: number;
  /** Our proxy sends it once more than that, because the connection that broke had been used before: see `differences.ts`. */
  readonly replayed?: boolean;
}

export interface Body {
  readonly bytes: number;
  readonly chunked?: boolean;
}

const ok = (backend: string) => ({ status: 200, backend });
const route = (name: string, path: string, backend: string, rest: Partial<Case> = {}): Case => ({ name, path, ...ok(backend), ...rest });

export const table: readonly Case[] = [
  // ------------------------------------------------------------------------------------------------------------------------------ hosts
  { name: 'a short name', ...ok('shop') },
  { name: 'a short name with its port', host: 'shop:8080', ...ok('shop') },
  { name: 'a name with its namespace', host: 'shop.diff', ...ok('shop') },
  { name: 'a name of the cluster\'s DNS', host: 'shop.diff.svc.cluster.local:8080', ...ok('shop') },
  { name: 'a name in capitals', host: 'SHOP.diff', ...ok('shop') },
  { name: 'the absolute form', absolute: true, path: '/exact', ...ok('shop-v2') },
  { name: 'an unknown host', host: 'nobody', status: 404, tries: 0 },
  { name: 'a service that is not declared', host: 'hidden', status: 404, tries: 0 },
  { name: 'a known name with another port', host: 'shop:9999', status: 404, tries: 0 },

  // ------------------------------------------------------------------------------------------------------------------------------ paths
  route('an exact path', '/exact', 'shop-v2'),
  route('an exact path with a query', '/exact?a=1&b=', 'shop-v2'),
  route('below an exact path', '/exact/more', 'shop'),
  route('a prefix', '/tree/leaf', 'shop'),
  route('a prefix itself', '/tree', 'shop'),
  route('a longer prefix wins', '/tree/deep/leaf', 'shop-v2'),
  route('a prefix ends at a separator', '/tree/deeper', 'shop'),
  route('a prefix with a slash at its end', '/tree/deep/', 'shop-v2'),
  route('a regular expression', '/items/42', 'shop-v2'),
  route('a regular expression matches the whole path', '/items/42/more', 'shop'),
  route('a regular expression does not see the query', '/items/42?x=y', 'shop-v2'),
  route('a path in other case', '/EXACT', 'shop'),
  route('escaped octets stay as they are', '/tree/%64eep', 'shop'),
  route('two slashes stay two', '//exact', 'shop'),
  route('dot segments stay as they are', '/tree/../exact', 'shop'),
  route('the first of two matches of a rule', '/either', 'shop-v2'),
  route('the second of two matches of a rule', '/or', 'shop-v2'),

  // ------------------------------------------------------------------------------------------------------------------------------ headers, method, query
  route('a header', '/by-header', 'shop-v2', { headers: { 'x-color': 'blue' } }),
  route('a header\'s name in capitals', '/by-header', 'shop-v2', { headers: { 'X-COLOR': 'blue' } }),
  route('another value of the header', '/by-header', 'shop', { headers: { 'x-color': 'green' } }),
  route('no such header', '/by-header', 'shop'),
  route('a header by regular expression', '/by-header', 'shop-v2', { headers: { 'x-color': 'grey' } }),
  route('a header\'s regular expression matches the whole value', '/by-header', 'shop', { headers: { 'x-color': 'greyish' } }),
  route('two headers, both match', '/by-two', 'shop-v2', { headers: { 'x-a': '1', 'x-b': '2' } }),
  route('two headers, one matches', '/by-two', 'shop', { headers: { 'x-a': '1', 'x-b': '3' } }),
  route('a method', '/by-method', 'shop-v2', { method: 'DELETE' }),
  route('another method', '/by-method', 'shop'),
  route('a query parameter', '/by-query?flavor=sour', 'shop-v2'),
  route('a query parameter among others', '/by-query?a=b&flavor=sour&c', 'shop-v2'),
  route('another value of the parameter', '/by-query?flavor=sweet', 'shop'),
  route('no query', '/by-query', 'shop'),

  // ------------------------------------------------------------------------------------------------------------------------------ redirects and rewrites
  { name: 'a redirect to a path', path: '/redirect/path?keep=1', status: 301, tries: 0 },
  { name: 'a redirect to a URL', path: '/redirect/url', status: 302, tries: 0 },
  { name: 'a redirect to a host keeps path and query', path: '/redirect/host/a/b?c=d', status: 308, tries: 0 },
  { name: 'a redirect of a POST', path: '/redirect/host', method: 'POST', body: { bytes: 10 }, status: 308, tries: 0 },
  route('a rewritten prefix', '/old/thing?q=1', 'shop'),
  route('a rewritten prefix, nothing behind it', '/old', 'shop'),
  route('a prefix taken away', '/strip/thing', 'shop'),
  route('a prefix taken away, nothing behind it', '/strip', 'shop'),
  route('a rewritten path keeps the query', '/whole/of/it?q=1', 'shop'),
  route('a rewritten host', '/host', 'shop'),
  route('request headers set, added and removed', '/request-headers', 'shop', { headers: { 'x-set': 'old', 'x-add': 'first', 'x-remove': 'gone' } }),
  route('request headers set and added where there were none', '/request-headers', 'shop'),
  route('response headers set, added and removed', '/response-headers', 'shop'),
  route('a canary of 100 percent', '/canary/all', 'shop-v2'),
  route('a canary of 0 percent', '/canary/none', 'shop'),
  route('a mirror of none', '/mirrored/none', 'shop'),

  // ------------------------------------------------------------------------------------------------------------------------------ timeouts and retries
  { name: 'a timeout of the service', host: 'slow', headers: { 'x-behave': 'hang' }, status: 504 },
  { name: 'within the timeout', host: 'slow', ...ok('slow') },
  { name: 'a timeout of the rule', path: '/short', headers: { 'x-behave': 'hang' }, status: 504 },
  { name: 'a try that times out is tried again', host: 'flaky', headers: { 'x-behave': 'hang;times=1' }, ...ok('flaky'), tries: 2 },
  { name: 'every try times out', host: 'flaky', headers: { 'x-behave': 'hang' }, status: 504, tries: 3 },
  { name: 'a 503 is tried again', host: 'flaky', headers: { 'x-behave': 'status=503;times=1' }, ...ok('flaky'), tries: 2 },
  { name: 'two 502 are tried again', host: 'flaky', headers: { 'x-behave': 'status=502;times=2' }, ...ok('flaky'), tries: 3 },
  { name: 'the last 504 is passed on', host: 'flaky', headers: { 'x-behave': 'status=504' }, status: 504, backend: 'flaky', tries: 3 },
  { name: 'a 500 is no gateway error', host: 'flaky', headers: { 'x-behave': 'status=500' }, status: 500, backend: 'flaky' },
  { name: 'a 404 is passed on', host: 'flaky', headers: { 'x-behave': 'status=404' }, status: 404, backend: 'flaky' },
  { name: 'a connection that breaks is tried again', host: 'flaky', headers: { 'x-behave': 'reset;times=1' }, ...ok('flaky'), tries: 2 },
  { name: 'every connection breaks', host: 'flaky', headers: { 'x-behave': 'reset' }, status: 503, tries: 3, replayed: true },
  { name: 'a POST is not tried again', host: 'flaky', method: 'POST', body: { bytes: 100 }, headers: { 'x-behave': 'status=503' }, status: 503, backend: 'flaky' },
  { name: 'a PUT is tried again with its body', host: 'flaky', method: 'PUT', body: { bytes: 2000 }, headers: { 'x-behave': 'status=503;times=1' }, ...ok('flaky'), tries: 2 },
  { name: 'a declared POST is tried again', host: 'posts', method: 'POST', body: { bytes: 5000 }, headers: { 'x-behave': 'status=500;times=2' }, ...ok('posts'), tries: 3 },
  { name: 'a GET that only POST is declared for', host: 'posts', headers: { 'x-behave': 'status=500' }, status: 500, backend: 'posts' },
  { name: 'a chunked body is tried again', host: 'posts', method: 'POST', body: { bytes: 3000, chunked: true }, headers: { 'x-behave': 'status=503;times=1' }, ...ok('posts'), tries: 2 },
  { name: 'no retry where none is declared', host: 'plain', headers: { 'x-behave': 'status=503' }, status: 503, backend: 'plain' },
  { name: 'a broken connection where no retry is declared', host: 'plain', headers: { 'x-behave': 'reset' }, status: 503, replayed: true },

  // ------------------------------------------------------------------------------------------------------------------------------ nobody there
  { name: 'a service without endpoints', host: 'empty', status: 503, tries: 0 },
  { name: 'an endpoint that refuses connections', host: 'refused', status: 503, tries: 0 },

  // ------------------------------------------------------------------------------------------------------------------------------ messages
  route('HEAD', '/', 'shop', { method: 'HEAD' }),
  route('HEAD of an answer without a length', '/', 'shop', { method: 'HEAD', headers: { 'x-behave': 'chunked' } }),
  route('OPTIONS', '/', 'shop', { method: 'OPTIONS' }),
  route('204', '/', 'shop', { status: 204, headers: { 'x-behave': 'status=204' } }),
  route('304', '/', 'shop', { status: 304, headers: { 'x-behave': 'status=304' } }),
  route('a small body', '/', 'shop', { method: 'POST', body: { bytes: 10 } }),
  route('an empty body', '/', 'shop', { method: 'POST', body: { bytes: 0 } }),
  route('a chunked body', '/', 'shop', { method: 'POST', body: { bytes: 100_000, chunked: true } }),
  route('a large body', '/', 'shop', { method: 'PUT', body: { bytes: 3_000_000 } }),
  route('a large answer', '/', 'shop', { headers: { 'x-behave': 'bytes=5000000' } }),
  route('a large chunked answer', '/', 'shop', { headers: { 'x-behave': 'bytes=5000000;chunked' } }),
  route('an empty answer', '/', 'shop', { headers: { 'x-behave': 'bytes=0' } }),
  route('hop-by-hop headers end here', '/', 'shop', { headers: { 'connection': 'keep-alive, x-hop', 'x-hop': '1', 'te': 'trailers', 'keep-alive': 'timeout=5' } }),
  route('a request id of the client\'s own', '/', 'shop', { headers: { 'x-request-id': '00000000-0000-4000-8000-000000000000' } }),
  route('x-forwarded-for grows', '/', 'shop', { headers: { 'x-forwarded-for': '192.0.2.1' } }),
  route('x-envoy headers are not obeyed', '/', 'shop', { headers: { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '5', 'x-behave': 'status=503' }, status: 503 }),
  route('a long header', '/', 'shop', { headers: { 'x-long': 'v'.repeat(8000) } }),
  route('headers of the same name', '/', 'shop', { headers: { cookie: 'a=1; b=2', accept: 'text/html, */*' } }),
];
