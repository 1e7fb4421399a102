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

  /** Port of the Kubernetes Service, and of the application in the pod. */
  public readonly number: number;
  /** What is spoken on it: `http`, `http2`, `grpc` or `tcp`. */
  public readonly protocol: string;

  private constructor(port: number, protocol: string) {
    this.number = port;
    this.protocol = protocol;
  }

  /** @internal */
  public _toSpec(): MeshServiceSpec['port'] {
    return { number: this.number, protocol: this.protocol as MeshServiceSpec['port']['protocol'] };
  }
}
