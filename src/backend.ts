/**
 * What a request can be sent to: a service, one version of it, or something outside of the mesh. In a route of its own, a service means its base
 * version.
 *
 * Implemented by `MeshService`, `ServiceVersion` and `ExternalService`; there is no need to implement it.
 */
export interface IBackend {
  /**
   * Kind of the object that stands for it: `Service` or `ExternalService`.
   *
   * @default Service
   */
  readonly backendKind?: string;
  /** Name of the Kubernetes Service: the name that callers use, and that manifests, errors and reports show. */
  readonly backendName: string;
  /** Namespace of the Kubernetes Service. */
  readonly backendNamespace: string;
  /** Port of the Kubernetes Service. */
  readonly backendPort: number;
  /** What is spoken on it: `http`, `http2`, `grpc` or `tcp`. */
  readonly backendProtocol: string;
}
