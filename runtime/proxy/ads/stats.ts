import { TypeUrl } from '../../xds';
import type { DiscoveredType } from '../config/discovered';

/** What happened to the updates of one type. Names follow Envoy's `cluster_manager.cds.update_success` and the like. */
export interface TypeStats {
  attempt: number;
  success: number;
  rejected: number;
  /** Wall time of the last update that was taken, in milliseconds; 0: none. */
  lastUpdate: number;
}

export class AdsStats {
  /** 1 while a control plane answers. */
  connected = 0;
  streams = 0;
  readonly types: Readonly<Record<DiscoveredType, TypeStats>> = {
    [TypeUrl.CDS]: { attempt: 0, success: 0, rejected: 0, lastUpdate: 0 },
    [TypeUrl.EDS]: { attempt: 0, success: 0, rejected: 0, lastUpdate: 0 },
    [TypeUrl.LDS]: { attempt: 0, success: 0, rejected: 0, lastUpdate: 0 },
    [TypeUrl.RDS]: { attempt: 0, success: 0, rejected: 0, lastUpdate: 0 },
    [TypeUrl.SDS]: { attempt: 0, success: 0, rejected: 0, lastUpdate: 0 },
  };
}
