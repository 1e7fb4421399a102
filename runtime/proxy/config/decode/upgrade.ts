import type { Problems } from '../problems';

/** An entry of upgrade_configs, of a listener or of a route. */
interface Upgrade {
  readonly upgradeType: string;
  readonly enabled?: boolean | undefined;
}

/** Whether WebSocket may be upgraded to: the only type that the table of accepted fields lets pass. Undefined where nothing is said of it. */
export function websocket(upgrades: readonly Upgrade[], path: string, problems: Problems): boolean | undefined {
  if (upgrades.length === 0) return undefined;
  if (upgrades.length > 1) problems.add(path, `there are ${upgrades.length} for one upgrade_type: one says whether it is enabled`);
  return upgrades[0].enabled ?? true;
}
