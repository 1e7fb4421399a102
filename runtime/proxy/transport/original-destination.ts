import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';

/** Where a client wanted to go, before the packet filter of the pod redirected it. */
export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** `SO_ORIGINAL_DST` of netfilter, at the levels of IPv4 and IPv6: Node has no word for either. */
const SO_ORIGINAL_DST = 80;
const SOL_IP = 0;
const SOL_IPV6 = 41;

type GetSockOpt = (fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number;

/** Of `koffi`, what is needed. */
interface Koffi {
  load(library: string | null): { func(prototype: string): GetSockOpt };
}

let getsockopt: GetSockOpt | undefined;
/** sockaddr_in6 is the longest. */
const value = new Uint8Array(28);
const length = new Uint32Array(1);

/**
 * The library by which system calls are made that the runtime has no word for: beside the bundle in an image, of the package elsewhere.
 * @throws Error where there is none for this system
 */
function load(): GetSockOpt {
  const beside = join(__dirname, 'koffi.node');
  let koffi: Koffi;
  if (existsSync(beside)) {
    const loaded = { exports: {} as Koffi };
    process.dlopen(loaded, beside);
    koffi = loaded.exports;
  } else {
    koffi = process.getBuiltinModule('node:module').createRequire(__filename)('koffi') as Koffi;
  }
  return koffi.load(null).func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)');
}

/**
 * What the system knows of a connection that was accepted at `address`; undefined: it was not redirected. An address of IPv4 that a socket of IPv6
 * accepted is asked for as IPv4.
 * @throws Error where nothing on this system can tell
 */
export function originalDestination(fd: number, localAddress: string): Destination | undefined {
  getsockopt ??= load();
  const v6 = isIPv6(localAddress) && !localAddress.toLowerCase().startsWith('::ffff:');
  length[0] = value.length;
  if (getsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, SO_ORIGINAL_DST, value, length) !== 0) return undefined;
  const port = value[2] * 256 + value[3];
  return { address: v6 ? textOfIpv6(value, 8) : `${value[4]}.${value[5]}.${value[6]}.${value[7]}`, port };
}

/** RFC 5952: the longest run of zeros is left out. */
export function textOfIpv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes[at + 2 * index] * 256 + bytes[at + 2 * index + 1]);
  let start = -1;
  let longest = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > longest) [start, longest] = [from, to - from];
  }
  const text = (from: number, to: number) => groups.slice(from, to).map((group) => group.toString(16)).join(':');
  return start < 0 ? text(0, 8) : `${text(0, start)}::${text(start + longest, 8)}`;
}
