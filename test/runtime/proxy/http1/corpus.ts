/** Valid messages, those that parsers have disagreed about, and pieces to put into others. */

const CHUNKED = 'transfer-encoding: chunked\r\n';
const post = (headers: string, body = '', version = '1.1'): string => `POST /p HTTP/${version}\r\nhost: a\r\n${headers}\r\n${body}`;
const get = (line: string, headers = 'host: a\r\n'): string => `${line}\r\n${headers}\r\n`;
const NEXT = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';

export const REQUESTS: readonly string[] = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /p?q=1 HTTP/1.1\r\nHost: shop.example:80\r\nContent-Length: 5\r\nX: y\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0\r\nT: v\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a:1/b HTTP/1.1\r\nHost: a:1\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'DELETE /1 HTTP/1.1\r\nhost:a\r\ncontent-length:0\r\nconnection: close\r\n\r\n',
];

export const RESPONSES: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: x\r\n\r\n2;e="f"\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n',
  'HTTP/1.0 200 OK\r\nX: y\r\n\r\nto the end',
  'HTTP/1.1 503 \r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n',
];

/** Ways to hide one request in another, and what else two parsers have read in two ways. */
export const SMUGGLING: readonly string[] = [
  // CL.TE, TE.CL, TE.TE.
  post(`content-length: 6\r\n${CHUNKED}`, `0\r\n\r\n${NEXT}`),
  post(`${CHUNKED}content-length: 4\r\n`, `5c\r\n${NEXT}0\r\n\r\n`),
  post(`content-length: 0\r\n${CHUNKED}`, `0\r\n\r\n${NEXT}`),
  ...['Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding:\tchunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
    'Transfer-Encoding: x\r\nTransfer-Encoding: chunked', ' Transfer-Encoding: chunked', 'X: X\nTransfer-Encoding: chunked', 'Transfer-Encoding\r\n : chunked',
    'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: ,chunked',
    'Transfer-Encoding: chunked,', 'Transfer-Encoding:\x0bchunked', 'Transfer-Encoding: chunked\x00', 'Transfer-Encoding: CHUNKED', 'Transfer_Encoding: chunked',
    'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: \xc3\xa3chunked', 'Transfer\xadEncoding: chunked', 'Transfer-Encoding: cow',
    'Transfer-Encoding: identity', 'Transfer-Encoding:', '\0Transfer-Encoding: chunked', 'Transfer-Encoding: chunked chunked'].flatMap((line) => [
    post(`${line}\r\n`, `0\r\n\r\n${NEXT}`), post(`content-length: 5\r\n${line}\r\n`, `0\r\n\r\n${NEXT}`),
  ]),
  // Lengths.
  ...['5\r\ncontent-length: 5', '5\r\ncontent-length: 0', '5, 5', '5,5', '5, 6', '+5', '-5', '0x5', '5 5', '005', '5.0', '5;', '5\t', '\t5', '', '5e0', '１', '0',
    '99999999999999999999', '18446744073709551621', '4294967301', '5\x0b', '5\0', '5 ', 'five', '_5'].map((value) => post(`content-length: ${value}\r\n`, `hello${NEXT}`)),
  // Chunks.
  ...['5;\r\nhello', '5 \r\nhello', ' 5\r\nhello', '+5\r\nhello', '0x5\r\nhello', '-5\r\nhello', '05\r\nhello', '5;a\r\nhello', '5;a=\r\nhello', '5;a="\r\nhello', '5;a="\\""\r\nhello',
    '5 ; a = b\r\nhello', '5;a\nb\r\nhello', '5\nhello', '5\rhello', '5\r\nhello\n', '5\r\nhelloX', '5\r\nhello\r', '10000000000000005\r\nhello', 'fffffffffffffffb\r\nhello',
    '5\r\r\nhello', '5;\x00\r\nhello', '5;a;b;c=d\r\nhello', '\r\n5\r\nhello', '5h\r\nhello', '5\x0b\r\nhello', '0005\r\nhello', '5_0\r\nhello']
    .map((chunk) => post(CHUNKED, `${chunk}\r\n0\r\n\r\n${NEXT}`)),
  // Trailers.
  ...['Content-Length: 5', 'Transfer-Encoding: chunked', 'Host: b', 'X: y\r\n z', 'X : y', 'X', ': y', 'X: \0', 'X: y\nZ: w', 'X: y', 'X:', 'X: \xff', '\0', 'X: y\rZ: w']
    .map((trailer) => post(CHUNKED, `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n${NEXT}`)),
  post(CHUNKED, `0\r\n\n${NEXT}`), post(CHUNKED, `0\n\r\n${NEXT}`), post(CHUNKED, `0\r\n\r${NEXT}`), post(CHUNKED, `000\r\n\r\n${NEXT}`), post(CHUNKED, `0;a=b\r\n\r\n${NEXT}`),
  // Lines and names.
  ...['X: y\r\n z', 'X: y\r\n\tz', 'X: y\nZ: w', 'X: y\rZ: w', 'X : y', 'X\t: y', 'X', ': y', 'X\0: y', 'X: \0', 'X: \x07', 'X: \x7f', 'X: \xff', 'X(: y', 'X{: y', 'X@: y', 'X/: y', 'X": y', 'X\xe9: y',
    'X: y\r', 'X:y', 'X:', 'X: \t y \t', '\x0bX: y', 'X\x0b: y', 'X: y\x0b', 'X:\x0by', 'X: "y', 'X: \x1b'].map((line) => get('GET / HTTP/1.1', `host: a\r\n${line}\r\n`) + NEXT),
  'GET / HTTP/1.1\r\n host: a\r\n\r\n', 'GET / HTTP/1.1\nhost: a\n\n', 'GET / HTTP/1.1\r\nhost: a\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\n\n', '\nGET / HTTP/1.1\r\nhost: a\r\n\r\n', '\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\n\rGET / HTTP/1.1\r\n\r\n',
  // Request lines.
  ...['GET / HTTP/1.2', 'GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET / HTTP/1.', 'GET / HTTP/1.10', 'GET / HTTP/11', 'GET / HTTP/01.1', 'GET / http/1.1', 'GET / HTTP/1.1 ', 'GET  / HTTP/1.1', 'GET /  HTTP/1.1', 'GET\t/ HTTP/1.1',
    'GET / FOO/1.1', 'GET /', 'GET', ' GET / HTTP/1.1', 'G@T / HTTP/1.1', 'get / HTTP/1.1', 'GET /a b HTTP/1.1', 'GET /\0 HTTP/1.1', 'GET /\xff HTTP/1.1', 'GET /#f HTTP/1.1', 'GET a HTTP/1.1', 'GET * HTTP/1.1', 'GET ? HTTP/1.1',
    'GET //a HTTP/1.1', 'GET /%00 HTTP/1.1', 'GET /% HTTP/1.1', 'GET /\\ HTTP/1.1', 'GET /<> HTTP/1.1', 'GET /| HTTP/1.1', 'GET /" HTTP/1.1', 'GET /{}^` HTTP/1.1', 'PRI * HTTP/2.0', 'PURGE / HTTP/1.1', 'FOO / HTTP/1.1', 'M-SEARCH / HTTP/1.1', 'CONNECT a:443 HTTP/1.1',
    'CONNECT / HTTP/1.1', 'OPTIONS / HTTP/1.1', 'OPTIONS * HTTP/1.1', 'TRACE / HTTP/1.1', 'GET / HTTP/1.0', 'GET / HTTP/1.1\x0b', 'GET\x0b/ HTTP/1.1', 'GET / HTTP/1.1\r', 'GET / HTTPS/1.1', 'GET / XHTTP/1.1'].map((line) => get(line)),
  ...['http://a/', 'http://b/', 'http://a', 'http://a?x', 'HTTP://a/', 'https://a/', 'ftp://a/', 'http:///x', 'http://u@a/', 'http://u:p@a/', 'http://a:80/', 'http://a:/', 'http://a:x/', 'http://a:99999/', 'http://[::1]/', 'http://[::1/', 'http://a b/', 'http:/a', 'http:a', '//a/', 'a:80']
    .map((target) => get(`GET ${target} HTTP/1.1`)),
  // Host.
  ...['', 'host: a\r\nhost: a\r\n', 'host: a\r\nhost: b\r\n', 'host:\r\n', 'host: a, b\r\n', 'host: a b\r\n', 'host: a/b\r\n', 'host: a:80\r\n', 'host: a:\r\n', 'host: :80\r\n', 'host: a:b\r\n', 'host: u@a\r\n', 'host: [::1]\r\n', 'host: [::1]:80\r\n', 'host: [x\r\n',
    'host: a\\b\r\n', 'host: a#b\r\n', 'host: a?b\r\n', 'host: \xe4\r\n', 'host: a%20b\r\n', 'host: a%\r\n', 'host: http://a\r\n', 'Host : a\r\n', 'host: a\t\r\n', 'host: a;b\r\n', 'host: a\0\r\n']
    .flatMap((host) => [get('GET / HTTP/1.1', host), get('GET / HTTP/1.0', host)]),
  // Version and body.
  post(CHUNKED, '0\r\n\r\n', '1.0'), post('content-length: 5\r\n', 'hello', '1.0'), post('', 'hello'), post('', `${NEXT}`),
  get('GET / HTTP/1.1', 'host: a\r\nexpect: 100-continue\r\n'), get('GET / HTTP/1.1', 'host: a\r\nexpect: nonsense\r\n'), get('GET / HTTP/1.1', 'host: a\r\nconnection: close\r\n') + NEXT,
  get('GET / HTTP/1.1', 'host: a\r\nconnection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n') + NEXT,
  get('GET / HTTP/1.1', 'host: a\r\nconnection: close, host, content-length\r\ncontent-length: 0\r\n'),
  `GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello${NEXT}`, `HEAD / HTTP/1.1\r\nhost: a\r\n${CHUNKED}\r\n0\r\n\r\n${NEXT}`,
];

export const BAD_RESPONSES: readonly string[] = [
  ...['content-length: 2\r\ncontent-length: 2', 'content-length: 2\r\ncontent-length: 3', 'content-length: 2, 2', 'content-length: +2', 'content-length: 0x2', 'content-length: -2', 'content-length:', 'content-length: 2x', 'content-length: 2 2',
    'content-length: 2\r\ntransfer-encoding: chunked', 'transfer-encoding: gzip', 'transfer-encoding: gzip, chunked', 'transfer-encoding: chunked, gzip', 'transfer-encoding: xchunked', 'transfer-encoding: identity', 'transfer-encoding:',
    'transfer-encoding: chunked\r\ntransfer-encoding: chunked', 'Content-Length : 2', 'x: y\r\n z\r\ncontent-length: 2', 'x\r\ncontent-length: 2', ': x\r\ncontent-length: 2', 'x: \0\r\ncontent-length: 2', 'x{: y\r\ncontent-length: 2', 'x: y\ncontent-length: 2', 'x: y\rz\r\ncontent-length: 2']
    .map((headers) => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\nok`),
  ...['HTTP/1.1 200OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 abc OK', 'HTTP/1.1  200 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 600 OK', 'HTTP/1.1 999 OK', 'HTTP/1.2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/2 200', 'HTTP/0.9 200 OK', 'http/1.1 200 OK', 'ICY 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ',
    'HTTP/1.1 200 O\0K', 'HTTP/1.1 200 O\xffK', 'HTTP/1.1 200 O\rK', 'HTTP/1.1', '200 OK', ' HTTP/1.1 200 OK', '\r\nHTTP/1.1 200 OK', 'HTTP/1.1 -20 OK', 'HTTP/1.1 +200 OK', 'HTTP/1.1\t200 OK']
    .map((line) => `${line}\r\ncontent-length: 2\r\n\r\nok`),
  ...['zz\r\nok', '2 \r\nok', '+2\r\nok', '0x2\r\nok', '2\nok', '2\r\nokX', '2;a\nb\r\nok', '2;\r\nok', '10000000000000002\r\nok', '2\r\nok\n'].map((chunk) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk}\r\n0\r\n\r\n`),
  ...['content-length: 5', 'x : y', 'x', 'x: y\r\n z', 'x: \0'].map((trailer) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailer}\r\n\r\n`),
  'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok', 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\ncontent-length: 2\r\n\r\nok', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok',
];

export const PIECES: readonly string[] = [
  '\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', ',', '"', '\\', '0', '1', 'f', 'x', '+', '-', '%', '#', '/', '@', '[', ']', '{', '\x7f', '\x80', '\xff',
  'Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'content-length:5\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n',
  'Transfer-Encoding : chunked\r\n', 'Host: b\r\n', 'X: y\r\n z\r\n', 'chunked', 'HTTP/1.1', 'HTTP/1.0', ', chunked', '\r\n\r\n', '0\r\n\r\n',
];
