import { BlockList, isIPv6 } from 'node:net';

/** Loopback and private addresses: who comes from there is taken for a part of the mesh, as Envoy takes it (RFC 1918, RFC 4193). */
const internal = new BlockList();
internal.addSubnet('127.0.0.0', 8, 'ipv4');
internal.addSubnet('10.0.0.0', 8, 'ipv4');
internal.addSubnet('172.16.0.0', 12, 'ipv4');
internal.addSubnet('192.168.0.0', 16, 'ipv4');
internal.addAddress('::1', 'ipv6');
internal.addSubnet('fc00::', 7, 'ipv6');

export function isInternalAddress(address: string): boolean {
  return address !== '' && internal.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** An IPv4 peer of a dual-stack socket by its IPv4 address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** `address:port` as it stands in a URI. */
export function authority(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}
