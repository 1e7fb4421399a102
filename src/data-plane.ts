/**
 * What stands between the pods of a service and the mesh.
 *
 * Without a sidecar nobody asks whoever calls these pods for a certificate, and nobody judges their calls: their port takes plain text, callers send it
 * plain text, and synth warns.
 */
export enum DataPlane {
  /** A sidecar: everything that this package can do. */
  SIDECAR = 'sidecar',
  /**
   * The application's own library of gRPC, as a client of `xds:///` targets (gRFC A27). Beside it runs a small agent, which keeps the pod's certificate
   * in files and has the library reach the control plane; calls do not pass through it. The containers get `GRPC_XDS_BOOTSTRAP_CONFIG`.
   */
  PROXYLESS_GRPC = 'proxyless-grpc',
  /** Nothing: the pods are as they would be without a mesh. Others call them, they themselves what takes plain text. */
  NONE = 'none',
}
