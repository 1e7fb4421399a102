import { BlockList, isIPv6 } from 'node:net';
import { isInternalAddress } from '../../../../runtime/proxy/listener/address';

const ranges = new BlockList();
ranges.addSubnet('127.0.0.0', 8, 'ipv4');
ranges.addSubnet('10.0.0.0', 8, 'ipv4');
ranges.addSubnet('172.16.0.0', 12, 'ipv4');
ranges.addSubnet('192.168.0.0', 16, 'ipv4');
ranges.addAddress('::1', 'ipv6');
ranges.addSubnet('fc00::', 7, 'ipv6');

test.each([
  '126.255.255.255', '127.0.0.1', '127.255.255.255', '128.0.0.1', '9.255.255.255', '10.0.0.0', '10.255.255.255', '11.0.0.0', '100.1.1.1', '101.0.0.0',
  '172.15.255.255', '172.16.0.0', '172.20.1.1', '172.31.255.255', '172.32.0.0', '172.160.0.1', '192.167.255.255', '192.168.0.0', '192.168.255.255',
  '192.169.0.0', '1.10.0.0', '::', '::1', '::2', '::1:1', 'fbff::1', 'fc00::', 'fc00::1', 'fd12:3456::1', 'fdff:ffff::', 'fe00::1', 'fe80::1', 'fc::1',
  'fd::1', '2001:db8::1',
])('%s is internal where its range is', (address) => {
  expect(isInternalAddress(address)).toBe(ranges.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
});

test('no address is not internal', () => expect(isInternalAddress('')).toBe(false));
