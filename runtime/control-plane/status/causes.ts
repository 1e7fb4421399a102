import { TypeUrl, type RouteConfiguration } from '../../xds';
import type { EncodedResource, ResourceType } from '../ads';
import { rulesFor, type Backend, type MeshModel, type Service } from '../model';
import { isGuest } from '../xds/guest';
import { clusterName, INBOUND, OUTBOUND, PODS, TUNNEL } from '../xds/names';

/** `MeshService shop/payment`: the form of `describeId`. */
export type ObjectName = string;

/** Finds the objects that an xDS resource was made of. */
export class Causes {
  private readonly byCluster: ReadonlyMap<string, Backend>;

  constructor(private readonly model: MeshModel) {
    this.byCluster = new Map([...model.backends.values()].map((backend) => [clusterName(backend), backend]));
  }

  /** All objects that have a part in a resource of a proxy of `service`. */
  of(service: Service, type: ResourceType, name: string): ObjectName[] {
    switch (type) {
      case TypeUrl.LDS:
        return [...ofOwn(service), `Mesh ${service.mesh.key}`];
      case TypeUrl.RDS: {
        // One for each called Service where connections are intercepted; else one for all.
        const called = name.startsWith(`${OUTBOUND}:`) ? [this.byCluster.get(name.slice(OUTBOUND.length + 1).replace(/~.*$/, ''))]
          : service.calls.map((call) => this.model.backends.get(call.backend));
        return [...ofOwn(service), ...called.flatMap((backend) => this.ofRoutes(backend, service.namespace))];
      }
      default:
        return this.ofCluster(service, name);
    }
  }

  /** The objects that are to blame for a refusal: the client's message says where in the resource it lies. */
  ofRefusal(service: Service, type: ResourceType, resource: EncodedResource, message: string): ObjectName[] {
    if (type !== TypeUrl.RDS) return this.of(service, type, resource.name).slice(0, 1);
    const routes = resource.message as RouteConfiguration;
    const found = new Set<ObjectName>();
    for (const [, host, route] of message.matchAll(/virtual_hosts\[(\d+)\](?:\.routes\[(\d+)\])?/g)) {
      const virtualHost = routes.virtualHosts[Number(host)];
      const backend = this.byCluster.get(virtualHost?.name ?? '');
      if (backend) found.add(routeObject(backend, service.namespace, virtualHost.routes[Number(route)]?.name));
    }
    if (found.size === 0) {
      for (const { name } of routes.virtualHosts) {
        const backend = this.byCluster.get(name);
        if (backend && (message.includes(name) || message.includes(`${backend.name}.${backend.namespace}`))) found.add(routeObject(backend, service.namespace, undefined));
      }
    }
    return found.size > 0 ? [...found] : ofOwn(service);
  }

  private ofCluster(service: Service, name: string): ObjectName[] {
    if (name.startsWith(`${INBOUND}:`)) return ofOwn(service);
    const prefix = [PODS, TUNNEL].find((one) => name.startsWith(one)) ?? '';
    const backend = this.byCluster.get(name.replace(/@[^@]*$/, '').slice(prefix.length));
    if (backend?.external) return [externalName(backend)];
    // A plain Service has no status of ours; whoever may use it is told.
    return backend?.service === undefined ? ofOwn(service) : [serviceName(backend.service)];
  }

  private ofRoutes(backend: Backend | undefined, caller: string): ObjectName[] {
    if (!backend) return [];
    const routes = new Set((rulesFor(backend, caller)?.rules ?? []).map((rule) => routeObject(backend, caller, rule.name)));
    return [...backend.external ? [externalName(backend)] : backend.service === undefined ? [] : [serviceName(backend.service)], ...routes];
  }
}

/** The object of a service itself: a guest has none. */
function ofOwn({ key }: Service): ObjectName[] {
  return isGuest(key) ? [] : [serviceName(key)];
}

function externalName({ namespace, name }: Backend): ObjectName {
  return `ExternalService ${namespace}/${name}`;
}

function serviceName(key: string): ObjectName {
  return `MeshService ${key}`;
}

/** The route of a rule `<route>/<rule>` that holds for callers of a namespace; without a rule the service itself. */
function routeObject(backend: Backend, caller: string, rule: string | undefined): ObjectName {
  if (backend.external) return externalName(backend);
  const route = rule?.split('/');
  const inForce = rulesFor(backend, caller);
  const kind = inForce?.rules.find(({ name }) => name === rule)?.kind === 'grpc' ? 'GRPCRoute' : 'HTTPRoute';
  return inForce && route?.length === 2 ? `${kind} ${inForce.namespace}/${route[0]}` : serviceName(backend.service ?? `${backend.namespace}/${backend.name}`);
}
