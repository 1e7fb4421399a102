/**
 * What a request can be sent to: a service, or one version of it. In a route of its own, a service means its base version.
 *
 * Implemented by `MeshService` and `ServiceVersion`; there is no need to implement it.
 */
export interface IBackend {
  /** Name of the Kubernetes Service: the name that callers use, and that manifests, errors and reports show. */
  readonly backendName: string;
  /** Namespace of the Kubernetes Service. */
  readonly backendNamespace: string;
  /** Port of the Kubernetes Service. */
  readonly backendPort: number;
  /** What is spoken on it: `http`, `http2`, `grpc` or `tcp`. */
  readonly backendProtocol: string;
}
