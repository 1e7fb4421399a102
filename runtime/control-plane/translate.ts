import type { MeshModel } from './model';
import { resolve, type Trusting } from './resolve';
import type { ResourceSet } from './resources';
import { xdsResources, type ProxyNode, type XdsResources } from './xds';

/** What a proxy is, before its region is known. */
export interface NodeDescription {
  /** Key of its service: `shop/order`. */
  readonly service: string;
  readonly podIp: string;
  /** 127.0.0.1 where it is not said. */
  readonly loopback?: string;
  /** Where it says that it runs (Node.locality). What the endpoints say of its address is believed first. */
  readonly region?: string;
  readonly zone?: string;
  /** Its certificate is in its bootstrap; ours brings it itself. */
  readonly ownSvid?: boolean;
}

/**
 * Everything between documents and xDS in one step: what a proxy would get if these were all the resources. Pure; the control plane does the same
 * with memory of what it made before.
 */
export function translate(resources: ResourceSet, node: NodeDescription, trusting?: Trusting): XdsResources {
  const { model } = resolve(resources, undefined, trusting);
  return xdsResources(model, proxyNode(model, node));
}

/** The node with its region: that of the endpoint that has its address, else the one that it says, if the mesh has it. */
export function proxyNode(model: MeshModel, { service, podIp, loopback = '127.0.0.1', region, zone, ownSvid }: NodeDescription): ProxyNode {
  const regions = model.services.get(service)?.mesh.regions ?? [];
  const said = regions.find(({ name }) => name === region) ?? regions.find(({ zones }) => zone !== undefined && zones.includes(zone));
  return { service, podIp, loopback, region: model.regions.get(podIp) ?? said?.name, ...ownSvid && { ownSvid } };
}
