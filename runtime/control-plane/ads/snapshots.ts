import { TypeUrl } from '../../xds';
import type { MeshModel } from '../model';
import { changedEndpoints, xdsEndpoints, xdsListeners, xdsResources, type ProxyNode } from '../xds';
import { serviceOf } from '../xds/guest';
import { snapshotOf, withEndpoints, withListeners, withListenersOf, type Snapshot } from './snapshot';
import type { Resources } from './versions';

/**
 * What proxies run, made once for all that run the same: those of a service in one region with the same loopback differ in nothing but the address of
 * their inbound listener.
 */
export class Snapshots {
  private model: MeshModel | undefined;
  private before: MeshModel | undefined;
  /** Backends whose endpoints are others than in the model before; undefined where more has changed. */
  private changed: ReadonlySet<string> | undefined;
  private readonly shared = new Map<string, { readonly model: MeshModel; readonly snapshot: Snapshot }>();

  /** The listeners of the shared snapshot that one of a proxy was made from. */
  private readonly madeFrom = new WeakMap<Snapshot, Resources>();

  /** @param before what this very proxy had; the same object comes back where it is still right. */
  of(model: MeshModel, node: ProxyNode, before?: Snapshot): Snapshot {
    if (this.model !== model) this.take(model);
    const secondFamily = node.intercepted ? (node.addresses ?? []).some((address) => address.includes(':')) : 'none';
    const kind = `${node.ownSvid ?? ''} ${node.proxyless ?? false} ${node.agent ?? false}`;
    const key = `${node.service} ${node.region ?? ''} ${node.loopback} ${kind} ${secondFamily}`;
    let found = this.shared.get(key);
    if (found?.model !== model) {
      // As a rule only pods came and went. Where connections are redirected, listeners know pods by their addresses.
      const changed = !node.intercepted && found?.model === this.before ? this.changed : undefined;
      const snapshot = found && changed ? withEndpoints(found.snapshot, xdsEndpoints(model, node, changed))
        : snapshotOf(xdsResources(model, node), found?.snapshot);
      found = { model, snapshot };
      this.shared.set(key, found);
    }
    // Listeners of all proxies of a service change together: where the shared ones are as they were, so are those of this one.
    const shared = found.snapshot.types[TypeUrl.LDS];
    const made = before && this.madeFrom.get(before) === shared ? withListenersOf(found.snapshot, before)
      : withListeners(found.snapshot, xdsListeners(model, node), before);
    this.madeFrom.set(made, shared);
    return made;
  }

  private take(model: MeshModel): void {
    this.before = this.model;
    this.changed = this.before && changedEndpoints(this.before, model);
    this.model = model;
    for (const key of this.shared.keys()) if (!serviceOf(model, key.split(' ', 1)[0]!)) this.shared.delete(key);
  }
}
