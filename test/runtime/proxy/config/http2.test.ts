import { http2Limits } from '../../../../runtime/proxy/config/decode/http2';
import { Problems } from '../../../../runtime/proxy/config/problems';
import { Http2ProtocolOptionsSchema, create } from '../../../../runtime/xds';

const decode = (options: Parameters<typeof create<typeof Http2ProtocolOptionsSchema>>[1]) => {
  const problems = new Problems();
  return { limits: http2Limits(options && create(Http2ProtocolOptionsSchema, options), 'http2', problems), problems: problems.list() };
};

test('what is not said: windows that bound what a connection keeps, and no PINGs', () => {
  const { limits, problems } = decode(undefined);
  expect(limits).toEqual({ maxConcurrentStreams: 100, initialStreamWindow: 262_144, connectionWindow: 1_048_576 });
  expect(problems).toEqual([]);
});

test('keepalive: PINGs at intervals, each to be answered in time', () => {
  const both = decode({ connectionKeepalive: { interval: { seconds: 30n }, timeout: { seconds: 5n } } });
  expect(both.limits.keepalive).toEqual({ interval: 30_000, timeout: 5000 });
  expect(decode({ connectionKeepalive: { timeout: { seconds: 5n } } })).toMatchObject({ limits: {}, problems: [] });
  expect(decode({ connectionKeepalive: { interval: { seconds: 30n } } }).problems.join()).toContain('http2.connection_keepalive.timeout');
});
