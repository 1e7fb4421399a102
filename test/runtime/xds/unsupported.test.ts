import {
  BootstrapSchema, ClusterSchema, decode, encode, fromJson, ListenerSchema, toJson, unknownFields, XdsJsonError, type Schema,
} from '../../../runtime/xds';

const HEADER_MUTATION = 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation';

describe('what the proxy refuses is carried by name alone', () => {
  test('its types are not there: they would be memory of every proxy', () => {
    const reached = new Set<string>();
    const visit = (schema: Schema): void => {
      if (reached.has(schema.typeName)) return;
      reached.add(schema.typeName);
      schema.fields.forEach((field) => { if (field.message) visit(field.message); });
    };
    [BootstrapSchema, ListenerSchema, ClusterSchema].forEach(visit);
    expect(reached).toContain('envoy.config.cluster.v3.OutlierDetection');
    expect([...reached].filter((name) => /LbSubsetSelector$|GrpcService.GoogleGrpc|xds\.type\.matcher|google\.api\.expr|metrics|tracing/.test(name))).toEqual([]);
    // With all that Envoy's own schema reaches there are more than four hundred.
    expect(reached.size).toBeLessThan(200);
  });

  test('in JSON such a field is set and what it holds is not read, in lists and maps too', () => {
    const message = fromJson(ClusterSchema, { name: 'c', filters: [{ name: 'a', typed_config: {} }, {}], lb_subset_config: { a: 1 } });
    expect(toJson(ClusterSchema, message)).toEqual({ name: 'c', filters: [{}, {}], lb_subset_config: {} });
  });

  test('so is one of Envoy\'s types in an Any, by its URL', () => {
    const listener = { listener_filters: [{ name: 'dst', typed_config: { '@type': HEADER_MUTATION, 'stat_prefix': 'x' } }] };
    const message = fromJson(ListenerSchema, listener);
    expect(message.listenerFilters[0].configType.value).toMatchObject({ typeUrl: HEADER_MUTATION });
    expect(toJson(ListenerSchema, message)).toEqual({ listener_filters: [{ name: 'dst', typed_config: { '@type': HEADER_MUTATION } }] });
  });

  test.each<[string, unknown, RegExp]>([
    ['a member that a type without fields does not have', { common_lb_config: { locality_weighted_lb_config: { a: 1 } } }, /key "a" is unknown/],
    ['a type that nobody has', { typed_extension_protocol_options: { a: { '@type': 'type.googleapis.com/a.B' } } }, /a\.B is not in the type registry/],
    ['a misspelt field beside an unsupported one', { filters: [{ name: 'a' }], nmae: 'c' }, /key "nmae" is unknown/],
    ['a type that is no text', { typed_extension_protocol_options: { a: { '@type': { toString: null } } } }, /@type|TypeUrl|type/i],
    ['a value that is no message', { filters: [1] }, /filters|Filter|Unsupported/],
  ])('%s is still an error', (_, json, message) => {
    expect(() => fromJson(ClusterSchema, json)).toThrow(XdsJsonError);
    expect(() => fromJson(ClusterSchema, json)).toThrow(message);
  });

  test('in binary it is kept as it came', () => {
    // name = "c"; filters (40) = [{name (1) = "ab"}].
    const bytes = Uint8Array.from([0x0a, 0x01, 0x63, 0xc2, 0x02, 0x04, 0x0a, 0x02, 0x61, 0x62]);
    const message = decode(ClusterSchema, bytes);
    expect(message.filters).toHaveLength(1);
    expect(unknownFields(ClusterSchema, message)).toEqual(['filters[0].#1']);
    expect([...encode(ClusterSchema, message)]).toEqual([...bytes]);
  });
});
