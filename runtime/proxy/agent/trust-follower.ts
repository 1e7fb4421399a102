import { SecretSchema, TypeUrl, unpackAnyAs, type Node } from '../../xds';
import { AdsClient, grpcStreams } from '../ads';
import type { HostPort } from '../config/decode/scalars';
import type { DiscoveredStore, Rejection, ResourceUpdate } from '../config/discovered';
import type { GrpcClientDeps } from '../grpc-client';
import { TRUST_BUNDLE } from '../identity';
import type { Log } from '../observe/log';
import type { ClientTls } from '../transport';

export interface TrustFollowerDeps extends GrpcClientDeps {
  readonly node: Node;
  readonly to: HostPort;
  readonly secure: (host: string) => Promise<ClientTls>;
  readonly log: Log;
  /** PEM of the roots that everybody is to trust from now on. */
  readonly told: (bundle: string) => void;
  /** Resolves when the pod's programs trust them, or with the reason why they do not. */
  readonly inForce: () => Promise<Error | undefined>;
}

/** Milliseconds, as a sidecar's. */
const CONNECT_TIMEOUT = 5000;

/**
 * Asks for the roots by delta ADS, as a sidecar does: they come at once, and the control plane knows from the acknowledgement who trusts them. Nothing
 * else is asked for.
 */
export class TrustFollower {
  private readonly client: AdsClient;

  constructor(deps: TrustFollowerDeps) {
    const { clock, inForce, log, node, random, secure, to } = deps;
    const connection = { authority: undefined, connectTimeout: CONNECT_TIMEOUT, keepalive: undefined };
    this.client = new AdsClient({
      config: { ...connection, addresses: [to], identity: undefined, listeners: false, clusters: false },
      node, store: new TrustStore(deps.told), clock, random, log, inForce,
      open: grpcStreams(connection, deps, secure),
    });
  }

  start(): void {
    this.client.start();
  }

  close(): void {
    this.client.close();
  }
}

const WANTED: ReadonlySet<string> = new Set([TRUST_BUNDLE]);
const NOTHING: ReadonlySet<string> = new Set();

class TrustStore implements DiscoveredStore {
  private version: string | undefined;

  constructor(private readonly told: (bundle: string) => void) {}

  subscriptions(type: ResourceUpdate['type']): ReadonlySet<string> {
    return type === TypeUrl.SDS ? WANTED : NOTHING;
  }

  versions(): ReadonlyMap<string, string> {
    return new Map(this.version === undefined ? [] : [[TRUST_BUNDLE, this.version]]);
  }

  update({ resources }: ResourceUpdate): Rejection[] {
    return resources.flatMap(({ name, version, resource }) => {
      const secret = unpackAnyAs(SecretSchema, resource);
      const context = secret?.type.case === 'validationContext' ? secret.type.value : undefined;
      const roots = context?.trustedCa?.specifier;
      if (name !== TRUST_BUNDLE || roots?.case !== 'inlineString' || !roots.value.includes('-----BEGIN CERTIFICATE-----')) {
        return [{ name, problems: ['is no validation context with certificates in trusted_ca.inline_string'] }];
      }
      this.version = version;
      this.told(roots.value);
      return [];
    });
  }
}
