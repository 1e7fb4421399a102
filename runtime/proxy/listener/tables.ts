import type { ListenerConfig } from '../config/types';
import type { HttpFilter } from '../filter/types';
import type { RouteTable } from '../route/types';

/** What a listener was configured to do, compiled; replaced by one assignment. A request keeps what it began with. */
export interface ListenerTables {
  readonly config: ListenerConfig;
  readonly routes: RouteTable;
  readonly filters: readonly HttpFilter[];
}
