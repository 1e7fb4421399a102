import type { Problems } from '../problems';

/** An entry of upgrade_configs, of a listener or of a route. */
interface Upgrade {
  readonly upgradeType: string;
  readonly enabled?: boolean | undefined;
  /** Of routes. */
  readonly connectConfig?: unknown;
}

/** Whether WebSocket may be upgraded to. Undefined where nothing is said of it. */
export function websocket(upgrades: readonly Upgrade[], path: string, problems: Problems): boolean | undefined {
  return enabled(upgrades, isWebSocket, path, problems);
}

/** Whether a route takes tunnels that CONNECT asks for, which end here. */
export function connect(upgrades: readonly Upgrade[], path: string, problems: Problems): boolean {
  upgrades.forEach((upgrade, index) => {
    if (!isWebSocket(upgrade) && upgrade.enabled !== false && upgrade.connectConfig === undefined) {
      problems.add(`${path}[${index}].connect_config`, 'is required: a tunnel ends here, and its bytes go to the cluster; CONNECT does not go on to upstreams');
    }
    if (isWebSocket(upgrade) && upgrade.connectConfig !== undefined) problems.add(`${path}[${index}].connect_config`, 'needs upgrade_type CONNECT');
  });
  return enabled(upgrades, (upgrade) => !isWebSocket(upgrade), path, problems) ?? false;
}

function enabled(upgrades: readonly Upgrade[], which: (upgrade: Upgrade) => boolean, path: string, problems: Problems): boolean | undefined {
  const own = upgrades.filter(which);
  if (own.length > 1) problems.add(path, `there are ${own.length} for one upgrade_type: one says whether it is enabled`);
  return own.length === 0 ? undefined : own[0].enabled ?? true;
}

/** The table of accepted fields lets no other type pass but CONNECT. */
function isWebSocket({ upgradeType }: Upgrade): boolean {
  return upgradeType.toLowerCase() === 'websocket';
}
