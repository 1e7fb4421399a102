import type { MeshModel } from './model';
import { resolve, type Trusting } from './resolve';
import type { ResourceSet } from './resources';
import { xdsResources, type ProxyNode, type XdsResources } from './xds';
import { serviceOf } from './xds/guest';

/** What a proxy is, before its region is known. */
export interface NodeDescription {
  /** Key of its service: `shop/order`. */
  readonly service: string;
  readonly podIp: string;
  /** 127.0.0.1 where it is not said. */
  readonly loopback?: string;
  /** Its connections are redirected to the proxy. */
  readonly intercepted?: boolean;
  /** All addresses of the pod. */
  readonly addresses?: readonly string[];
  /** Where it says that it runs (Node.locality). What the endpoints say of its address is believed first. */
  readonly region?: string;
  readonly zone?: string;
  /** Its certificate is in its bootstrap, `static`, or in a file; ours brings it itself. */
  readonly ownSvid?: string;
  /** It is a client of gRPC without a proxy. */
  readonly proxyless?: boolean;
  /** It is the agent of a pod without a proxy. */
  readonly agent?: boolean;
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
export function proxyNode(model: MeshModel, node: NodeDescription): ProxyNode {
  const { service, podIp, loopback = '127.0.0.1', intercepted, addresses, region, zone, ownSvid, proxyless, agent } = node;
  const regions = serviceOf(model, service)?.mesh.regions ?? [];
  const said = regions.find(({ name }) => name === region) ?? regions.find(({ zones }) => zone !== undefined && zones.includes(zone));
  const place = intercepted ? { intercepted, addresses } : {};
  const client = { ...ownSvid && { ownSvid }, ...proxyless && { proxyless }, ...agent && { agent } };
  return { service, podIp, loopback, ...place, region: model.regions.get(podIp) ?? said?.name, ...client };
}
