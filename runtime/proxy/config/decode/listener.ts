import { TrafficDirection, type Listener } from '../../../xds';
import type { Problems } from '../problems';
import type { ListenerConfig } from '../types';
import { filterChains } from './filter-chain';
import type { DecodedRoutes } from './http-connection-manager';
import { inspection, readsOriginalDestination } from './listener-filters';
import { inRange, socketAddress } from './scalars';

/** Envoy's default. */
const BUFFER_LIMIT = 1 << 20;

const DIRECTION = { [TrafficDirection.UNSPECIFIED]: 'unspecified', [TrafficDirection.INBOUND]: 'inbound', [TrafficDirection.OUTBOUND]: 'outbound' } as const;

export interface DecodedListener {
  readonly listener: ListenerConfig;
  /** Of its HTTP filter chains. */
  readonly routes: readonly DecodedRoutes[];
}

export function listener(message: Listener, problems: Problems): DecodedListener | undefined {
  if (message.name === '') problems.add('name', 'is required');
  const { host, port } = socketAddress(message.address, 'address', problems, { anyPort: true });
  const bufferLimit = inRange(message.perConnectionBufferLimitBytes ?? BUFFER_LIMIT, 1_024, 1 << 30, 'per_connection_buffer_limit_bytes', problems);
  const { chains, fallback, routes } = filterChains(message, bufferLimit, problems);
  return {
    listener: {
      name: message.name,
      address: host,
      port,
      direction: DIRECTION[message.trafficDirection],
      ...readsOriginalDestination(message) && { originalDestination: true },
      inspect: inspection(message, chains, problems),
      filterChains: chains,
      defaultFilterChain: fallback,
    },
    routes,
  };
}
