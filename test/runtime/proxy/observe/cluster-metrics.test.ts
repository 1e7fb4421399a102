import { VirtualClock } from '../../../../runtime/clock/virtual';
import { Families } from '../../../../runtime/proxy/observe/families';
import { Http2Stats } from '../../../../runtime/proxy/observe/http2-stats';
import { collectTraffic } from '../../../../runtime/proxy/observe/metrics';
import { RequestObserver } from '../../../../runtime/proxy/observe/request-observer';
import { endpoints, made } from '../cluster/support';
import { parseExposition } from './exposition';

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };

test('a cluster of HTTP/2 has every counter of its connections, one of HTTP/1.1 has none of them', () => {
  const h1 = made({ statName: 'h1' }, endpoints()).cluster;
  const h2 = made({ statName: 'h2', http2: LIMITS }, endpoints()).cluster;
  const counters = Object.keys(new Http2Stats()) as (keyof Http2Stats)[];
  counters.forEach((counter, index) => { h2.stats[counter] = index + 1; });
  const families = new Families();
  collectTraffic({ clusters: [h1, h2], listeners: [] }, new RequestObserver(new VirtualClock(), () => 0), families);
  const samples = [...parseExposition(families.exposition())].filter(([name]) => name.startsWith('envoy_cluster_http2_')).flatMap(([, family]) => family);
  expect(samples.every(({ labels }) => labels.envoy_cluster_name === 'h2')).toBe(true);
  expect(samples.map(({ value }) => value).sort((a, b) => a - b)).toEqual(counters.map((_, index) => index + 1));
  expect(samples.find(({ name }) => name === 'envoy_cluster_http2_goaway_received')!.value).toBe(h2.stats.http2RxGoAway);
});
