import type { Protocol } from '../model';
import type { KubernetesService } from '../resources';

/** By `appProtocol`: Kubernetes' own names, and IANA's. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'http': 'http', 'kubernetes.io/ws': 'http', 'kubernetes.io/h2c': 'http2', 'h2c': 'http2', 'http2': 'http2', 'grpc': 'grpc',
};

/** What the port of a Service says that is spoken on it (GEP-1911); undefined: it says nothing. What is not HTTP in plain text is bytes. */
export function spokenOn({ appProtocol, protocol = 'TCP' }: KubernetesService['spec']['ports'][number]): Protocol | undefined {
  if (protocol !== 'TCP') return 'tcp';
  return appProtocol === undefined ? undefined : PROTOCOLS[appProtocol] ?? 'tcp';
}
