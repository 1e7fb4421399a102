import { decodeBootstrap } from '../../../../runtime/proxy/bootstrap/decode';
import { listenerJson } from '../config/resources';

const type = (name: string): string => `type.googleapis.com/${name}`;
const bootstrap = (overload_manager?: object) => decodeBootstrap({
  ...(overload_manager && { overload_manager }), static_resources: { listeners: [listenerJson('l', 80, { cluster: 'c' })], clusters: [{ name: 'c', load_assignment: { cluster_name: 'c' } }] },
}, 'b.json');

test('an overload manager in Envoy\'s form; without one nothing is watched', () => {
  expect(bootstrap().overload).toBeUndefined();
  const { overload } = bootstrap({
    resource_monitors: [
      { name: 'envoy.resource_monitors.fixed_heap', typed_config: { '@type': type('envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig'), 'max_heap_size_bytes': 134217728 } },
      { name: 'loop', typed_config: { '@type': type('meshwright.v1.EventLoopDelayConfig'), 'max_delay': '0.5s' } },
      { name: 'buffers', typed_config: { '@type': type('meshwright.v1.BufferedBytesConfig'), 'max_bytes': '33554432' } },
    ],
    actions: [
      { name: 'meshwright.overload_actions.stop_reading', triggers: [{ name: 'loop', threshold: { value: 0.8 } }, { name: 'buffers', threshold: { value: 0.9 } }] },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: [{ name: 'envoy.resource_monitors.fixed_heap', threshold: { value: 0.95 } }] },
    ],
  });
  expect(overload).toEqual({
    refreshInterval: 250,
    monitors: [
      { name: 'envoy.resource_monitors.fixed_heap', resource: 'heap', max: 134_217_728 },
      { name: 'loop', resource: 'event_loop_delay', max: 500 },
      { name: 'buffers', resource: 'buffered_bytes', max: 33_554_432 },
    ],
    actions: [
      { name: 'meshwright.overload_actions.stop_reading', kind: 'stop_reading', triggers: [{ monitor: 'loop', threshold: 0.8 }, { monitor: 'buffers', threshold: 0.9 }] },
      { name: 'envoy.overload_actions.stop_accepting_requests', kind: 'stop_accepting_requests', triggers: [{ monitor: 'envoy.resource_monitors.fixed_heap', threshold: 0.95 }] },
    ],
  });
});

test.each(['127.0.0.1', '127.77.0.3', '::1'])('the admin server may listen at %s', (address) => {
  const { admin } = decodeBootstrap({
    admin: { address: { socket_address: { address, port_value: 0 } } },
    static_resources: { listeners: [listenerJson('l', 80, { cluster: 'c' })], clusters: [{ name: 'c', load_assignment: { cluster_name: 'c' } }] },
  }, 'b.json');
  expect(admin!.host).toBe(address);
});
