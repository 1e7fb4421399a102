import type { Cluster, ClusterLoadAssignment, Listener, RouteConfiguration, Secret } from '../../xds';

/** A proxy, as far as its configuration depends on it. */
export interface ProxyNode {
  /** Key of its service. */
  readonly service: string;
  /** What the inbound listener binds. */
  readonly podIp: string;
  /** Where the proxy and the application of the pod reach each other. */
  readonly loopback: string;
  /** Its connections are redirected to the proxy. */
  readonly intercepted?: boolean;
  /** All addresses of the pod. */
  readonly addresses?: readonly string[];
  /** Region that it runs in; undefined where that is not known. */
  readonly region: string | undefined;
  /** `static`: its certificate is the secret `svid` of its bootstrap; else the path of a file that has it, and is replaced with it. */
  readonly ownSvid?: string;
  /** It is a client of gRPC without a proxy. */
  readonly proxyless?: boolean;
  /** It keeps the certificate of a pod without a proxy: of all that there is it is told whom to trust. */
  readonly agent?: boolean;
}

/** Everything that one proxy runs, by type, each list in the order of names. */
export interface XdsResources {
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
  /** The roots that are trusted; never a key. */
  readonly secrets: readonly Secret[];
}
