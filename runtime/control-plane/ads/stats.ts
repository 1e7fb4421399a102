import { TYPES, type ResourceType } from './snapshot';

/** Counted since the start. */
export interface TypeStats {
  responses: number;
  resources: number;
  removals: number;
  acks: number;
  nacks: number;
}

export class AdsStats {
  streamsOpened = 0;
  streamsRefused = 0;
  readonly types = Object.fromEntries(TYPES.map((type) => [type, {
    responses: 0, resources: 0, removals: 0, acks: 0, nacks: 0,
  }])) as Record<ResourceType, TypeStats>;
}

/** `Cluster`, `RouteConfiguration`: the type as people call it. */
export function shortType(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}
