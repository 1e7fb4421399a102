import { isIPv6 } from 'node:net';

/**
 * Loopback and private addresses, as the system writes them (RFC 5952): who comes from there is taken for a part of the mesh, as Envoy takes it (RFC 1918,
 * RFC 4193). Not by `BlockList`, which every proxy would load for it.
 */
const INTERNAL = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:)/;

export function isInternalAddress(address: string): boolean {
  return INTERNAL.test(address);
}

/** An IPv4 peer of a dual-stack socket by its IPv4 address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** `address:port` as it stands in a URI. */
export function authority(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}
