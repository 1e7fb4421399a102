import { AGENT_CONTAINER, nodeMetadata } from '../../../src/contract';
import type { Node } from '../../xds';
import type { NodeDescription } from '../translate';
import { guestKey } from '../xds/guest';

/** Who is at the other end of a stream. */
export interface Peer extends NodeDescription {
  /** Node.id: `<pod>.<namespace>`. */
  readonly id: string;
  readonly version: string;
}

/** @returns what is wrong, as a text, where the node does not say who it is. */
export function peerOf(node: Node | undefined): Peer | string {
  if (!node) return 'the first request has no node: it must say who asks';
  const parsed = nodeMetadata.safeParse(node.metadata ?? {});
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `node.metadata.${path.join('.')}: ${message}`).join('; ');
    return `node ${JSON.stringify(node.id)} does not say which service it belongs to: ${problems}`;
  }
  const { service, serviceAccount, namespace, version, podIp, podIps, loopback, intercepted, svid } = parsed.data;
  const place = { region: node.locality?.region || undefined, zone: node.locality?.zone || undefined };
  return {
    id: node.id, version, service: service === undefined ? guestKey(namespace, serviceAccount!) : `${namespace}/${service}`, podIp, loopback, ...place,
    ...svid !== 'ads' && { ownSvid: svid },
    // `gRPC C-core`, `gRPC Node Pure JS`, `gRPC Go`: each says so (gRFC A27).
    ...node.userAgentName.startsWith('gRPC') && { proxyless: true },
    ...node.userAgentName === AGENT_CONTAINER && { agent: true },
    ...intercepted && { intercepted, addresses: podIps ? podIps.split(',') : [podIp] },
  };
}
