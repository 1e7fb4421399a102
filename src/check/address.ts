/** Whether a host is an address of IPv4: no host name ends in a label of digits (RFC 1123 §2.1). */
export function isIp(host: string): boolean {
  return /^\d+(\.\d+){3}$/.test(host);
}
