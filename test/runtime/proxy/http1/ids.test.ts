import { IdSource, isTraceparent } from '../../../../runtime/proxy/http1/ids';

test('identifiers are unique, well formed and the same for the same randomness', () => {
  const make = () => {
    let n = 0.1;
    const ids = new IdSource(() => (n = (n * 7.13) % 1));
    return Array.from({ length: 20_000 }, () => {
      const bytes = Buffer.alloc(60);
      return bytes.toString('latin1', 0, ids.writeUuid(bytes, 0));
    });
  };
  const made = make();
  expect(new Set(made).size).toBe(made.length);
  for (const id of made) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(make()).toEqual(made);
});

test('a trace or span is never all zero', () => {
  const ids = new IdSource(() => 0);
  for (let i = 0; i < 1000; i++) {
    const bytes = Buffer.alloc(32);
    ids.writeHex(bytes, 0, 4);
    expect(bytes.toString('latin1')).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  }
});

const TRACE = '0af7651916cd43dd8448eb211c80319c', SPAN = 'b7ad6b7169203331';
test.each<[string, boolean]>([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, true],
  [`01-${TRACE}-${SPAN}-01`, true],
  [`01-${TRACE}-${SPAN}-01-more`, true],
  [`01-${TRACE}-${SPAN}-01more`, false],
  [`00-${TRACE}-${SPAN}-01-more`, false],
  [`ff-${TRACE}-${SPAN}-01`, false],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, false],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, false],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
  [`00-${TRACE}-${SPAN}-0g`, false],
  [`00-${TRACE}_${SPAN}-01`, false],
  [`00-${TRACE}-${SPAN}`, false],
  ['', false],
])('traceparent %s', (value, valid) => {
  expect(isTraceparent(Buffer.from(value), 0, value.length)).toBe(valid);
});
