import { cluster } from '../../../../runtime/proxy/config/decode/cluster';
import { Problems } from '../../../../runtime/proxy/config/problems';
import { ClusterSchema, fromJson } from '../../../../runtime/xds';

const NAME = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

test('what a cluster\'s health check of gRPC becomes', () => {
  const problems = new Problems();
  const decoded = cluster(fromJson(ClusterSchema, {
    name: 'quotes.shop:9090',
    type: 'STATIC',
    load_assignment: { cluster_name: 'quotes.shop:9090' },
    typed_extension_protocol_options: { [NAME]: { '@type': `type.googleapis.com/${NAME}`, 'explicit_http_config': { http2_protocol_options: {} } } },
    health_checks: [{ timeout: '1s', interval: '5s', unhealthy_threshold: 3, healthy_threshold: 2, grpc_health_check: { service_name: 'shop.v1.Quotes' } }],
  }), problems);
  expect(problems.list()).toEqual([]);
  expect(decoded.cluster.healthCheck).toEqual({
    kind: 'grpc', service: 'shop.v1.Quotes', host: 'quotes.shop:9090', timeout: 1000, interval: 5000, unhealthyInterval: 0, initialJitter: 0,
    intervalJitter: 0, intervalJitterPercent: 0, unhealthyThreshold: 3, healthyThreshold: 2,
  });
});
