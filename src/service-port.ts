import type { MeshServiceSpec } from './contract/mesh-service';

/**
 * A port and what is spoken on it. It becomes `appProtocol` of the Kubernetes Service; nothing is guessed from a name.
 *
 * @see https://gateway-api.sigs.k8s.io/geps/gep-1911/
 */
export class ServicePort {
  /**
   * HTTP/1.1.
   *
   * @param port the port that the application listens on, and the Kubernetes Service is called at: 1 to 65535
   */
  public static http(port: number): ServicePort {
    return new ServicePort(port, 'http');
  }

  /**
   * HTTP/2 with prior knowledge (`kubernetes.io/h2c`). Callers' proxies reach it by HTTP/2, whichever version of HTTP the caller speaks.
   *
   * @param port the port that the application listens on, and the Kubernetes Service is called at: 1 to 65535
   */
  public static http2(port: number): ServicePort {
    return new ServicePort(port, 'http2');
  }

  /**
   * gRPC: HTTP/2 whose errors are trailers. Takes `GrpcRoute`, and every route and policy of HTTP.
   *
   * @param port the port that the application listens on, and the Kubernetes Service is called at: 1 to 65535
   */
  public static grpc(port: number): ServicePort {
    return new ServicePort(port, 'grpc');
  }

  /**
   * Bytes. Policies of connections apply: timeouts by `Timeout.connection`, `Bulkhead.connections`, circuit breaker and outlier detection by failures
   * to connect, load balancing (a ring hash by source address) and the local region first. Callers reach it at a port of their loopback
   * (`CallOptions.localPort`).
   *
   * @param port the port that the application listens on, and the Kubernetes Service is called at: 1 to 65535
   */
  public static tcp(port: number): ServicePort {
    return new ServicePort(port, 'tcp');
  }

  /**
   * What the client speaks, whatever it is. For a port of which nobody can say it, or on which there are several protocols; callers reach it at a port
   * of their loopback (`CallOptions.localPort`), and what they send arrives unchanged.
   *
   * The first bytes of each connection tell. HTTP/1.1 and HTTP/2 by prior knowledge are requests to the proxy of the called: it takes only valid ones,
   * logs and counts each, and judges them by `CallOptions.allow`. TLS of the application, HTTP/1.0 and everything else pass as connections, and a
   * caller that may ask for some things only is denied them. So is it with a connection on which the client says nothing for a second, as where the
   * server speaks first: that second is what it costs.
   *
   * The policies of callers are those of `tcp`: breaker and bulkhead count all connections alike, whatever is spoken on them. The port of the
   * Kubernetes Service has no `appProtocol`.
   *
   * @param port the port that the application listens on, and the Kubernetes Service is called at: 1 to 65535
   */
  public static detect(port: number): ServicePort {
    return new ServicePort(port, 'tcp', true);
  }

  /** Port of the Kubernetes Service, and of the application in the pod. */
  public readonly number: number;
  /** What is spoken on it: `http`, `http2`, `grpc` or `tcp`, which is what callers see of one that detects, too. */
  public readonly protocol: string;
  /** Whether the proxies look at what is spoken. */
  public readonly detected: boolean;

  private constructor(port: number, protocol: string, detected: boolean = false) {
    this.number = port;
    this.protocol = protocol;
    this.detected = detected;
  }

  /** @internal */
  public _toSpec(): MeshServiceSpec['port'] {
    return { number: this.number, protocol: this.protocol as MeshServiceSpec['port']['protocol'] };
  }
}
