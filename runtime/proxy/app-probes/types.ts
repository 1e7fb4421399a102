/** A question to the application of the pod, in the words of Kubernetes' `Probe`. */
export type AppProbe = { readonly timeout: number } & (
  | {
    readonly kind: 'httpGet'; readonly port: number; readonly path: string; readonly secure: boolean;
    readonly headers: readonly { readonly name: string; readonly value: string }[];
  }
  | { readonly kind: 'tcpSocket'; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string });

/** Probes by their paths on the health server. */
export type AppProbes = ReadonlyMap<string, AppProbe>;
