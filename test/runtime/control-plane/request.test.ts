import fc from 'fast-check';
import { requestOf } from '../../../runtime/control-plane/ads/request';
import { create, decode, DeltaDiscoveryRequestSchema, encode, TypeUrl, type MessageInit } from '../../../runtime/xds';

const parts = (bytes: Uint8Array) => {
  const { $typeName, ...fields } = requestOf(Buffer.from(bytes));
  const { $typeName: name, ...decoded } = decode(DeltaDiscoveryRequestSchema, bytes);
  return { read: { $typeName, ...fields }, decoded: { $typeName: name, ...decoded } };
};

const init: fc.Arbitrary<MessageInit<typeof DeltaDiscoveryRequestSchema>> = fc.record({
  typeUrl: fc.constantFrom('', TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, 'type.googleapis.com/other.Type', 'x'.repeat(200)),
  responseNonce: fc.oneof(fc.constant(''), fc.string({ maxLength: 12, unit: 'grapheme' }), fc.constant('n'.repeat(150))),
  resourceNamesSubscribe: fc.array(fc.string(), { maxLength: 2 }),
  resourceNamesUnsubscribe: fc.array(fc.string(), { maxLength: 2 }),
  errorDetail: fc.option(fc.record({ code: fc.nat(16), message: fc.string() }), { nil: undefined }),
});

test('whatever a request holds, it is read as the codec reads it', () => {
  fc.assert(fc.property(init, (fields) => {
    const { read, decoded } = parts(encode(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields)));
    expect(read).toEqual(decoded);
  }));
});

test('an acknowledgement alone has a type and a nonce', () => {
  const { read, decoded } = parts(encode(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl: TypeUrl.EDS, responseNonce: '1z' })));
  expect(read).toEqual(decoded);
});

test('bytes that are no request are refused, also those that begin like one', () => {
  const whole = Buffer.from(encode(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl: TypeUrl.EDS, responseNonce: '1z' })));
  for (let length = 1; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    const outcome = (read: () => unknown) => { try { return read(); } catch { return 'refused'; } };
    expect(outcome(() => parts(cut).read)).toEqual(outcome(() => ({ ...decode(DeltaDiscoveryRequestSchema, cut) })));
  }
});
