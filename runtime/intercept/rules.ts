/** What is redirected to the proxy of a pod, and what is not. */
export interface InterceptionOptions {
  /** Ports at which the proxy takes what was meant for the pod, and what the pod sends. */
  readonly inboundPort: number;
  readonly outboundPort: number;
  /** Ports of the pod that are reached directly. */
  readonly excludeInboundPorts: readonly number[];
  /** Ports of others that are reached directly. */
  readonly excludeOutboundPorts: readonly number[];
  /** Networks of either family that are reached directly. */
  readonly excludeOutboundCidrs: readonly string[];
  /** Users whose connections are left alone: the proxy's first of all, or what it sends would come back to it. */
  readonly excludeUids: readonly number[];
}

/** Table that holds all of it: whoever wants to be rid of it deletes this one. */
export const TABLE = 'inet meshwright';

/**
 * The rules as nftables reads them, for IPv4 and IPv6 in one table. They are loaded in one transaction which begins by deleting the table: there is no
 * moment with a part of them, and loading them again changes nothing. Only the first packet of a connection is looked at.
 *
 * What stays in the pod is left alone: an application that talks to itself needs no proxy, and what the proxy sends to the application must not come
 * back to it.
 */
export function rulesText(options: InterceptionOptions): string {
  const { inboundPort, outboundPort, excludeInboundPorts, excludeOutboundPorts, excludeOutboundCidrs, excludeUids } = options;
  const networks = (v6: boolean) => excludeOutboundCidrs.filter((cidr) => cidr.includes(':') === v6);
  return [
    // Adding what may be there already makes deleting it possible.
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    '  chain inbound {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    '    iifname "lo" return',
    ...rule('tcp dport', [inboundPort, ...excludeInboundPorts]),
    `    meta l4proto tcp redirect to :${inboundPort}`,
    '  }',
    '  chain outbound {',
    '    type nat hook output priority -100; policy accept;',
    '    oifname "lo" return',
    ...rule('meta skuid', excludeUids),
    ...rule('tcp dport', excludeOutboundPorts),
    ...rule('ip daddr', networks(false)),
    ...rule('ip6 daddr', networks(true)),
    `    meta l4proto tcp redirect to :${outboundPort}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

function rule(what: string, values: readonly (number | string)[]): string[] {
  return values.length === 0 ? [] : [`    ${what} { ${[...new Set(values)].join(', ')} } return`];
}
