import type { EndpointConfig, LocalityEndpoints } from '../config/types';
import type { Host, HostPool } from './types';

/** The cluster's own side of a `Host`: what the interface shows read-only, and the state that health and ejection keep. */
export class ClusterHost implements Host {
  readonly address: string;
  readonly port: number;
  readonly key: string;
  region = '';
  zone = '';
  priority = 0;
  weight = 1;
  healthy = true;
  active = 0;
  removed = false;
  pool: HostPool | undefined = undefined;
  /** EDS says so. */
  reportedHealthy = true;
  /** Its active health check failed, or it has not passed one yet. */
  failedHealthCheck = false;
  /** Outlier detection has taken it out. */
  ejected = false;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
    this.key = hostKey(address, port);
  }

  /** Takes what a new assignment says of the host. */
  assign(locality: LocalityEndpoints, endpoint: EndpointConfig): void {
    this.region = locality.region;
    this.zone = locality.zone;
    this.priority = locality.priority;
    this.weight = Math.max(1, endpoint.weight);
    this.reportedHealthy = endpoint.healthy;
    this.refresh();
  }

  refresh(): void {
    this.healthy = this.reportedHealthy && !this.ejected && !this.failedHealthCheck;
  }
}

/** `address:port`, an IPv6 address in brackets: what ring hash places on its ring, as Envoy. */
export function hostKey(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
