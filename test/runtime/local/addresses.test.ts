import { AddressBlock } from '../../../runtime/local/addresses';

test('a pod keeps its address; a released one comes back last', () => {
  const block = AddressBlock.parse('127.90.0.0/16');
  expect([block.runner, block.controlPlane(1), block.pod('a'), block.pod('b'), block.pod('a')])
    .toEqual(['127.90.0.1', '127.90.0.3', '127.90.1.1', '127.90.1.2', '127.90.1.1']);
  block.release('a');
  expect(block.pod('c')).toBe('127.90.1.3');
  for (let i = 0; i < 254 * 254 - 3; i++) block.pod(`more-${i}`);
  expect(block.pod('last')).toBe('127.90.1.1');
  expect(() => block.pod('none left')).toThrow('all 64516 addresses');
});

test.each(['127.0.0.0/16', '127.256.0.0/16', '10.0.0.0/16', '127.77.0.0/24', 'x'])('%s is no block', (text) => {
  expect(() => AddressBlock.parse(text)).toThrow('must be a loopback block such as 127.77.0.0/16');
});
