import { TOKEN_AUDIENCE } from '../../../src/contract';

/** Whom a token speaks for. */
export interface Workload {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that the token is bound to, where it says so. */
  readonly pod: string | undefined;
}

/** Why nobody is believed; `unavailable`: nobody knows at this moment, and the same token may do later. */
export interface TokenRefusal {
  readonly refused: string;
  readonly unavailable?: boolean;
}

/** Tells who holds a token. */
export interface TokenVerifier {
  verify(token: string): Promise<Workload | TokenRefusal>;
}

/** What TokenReview (authentication.k8s.io/v1) answers. */
export interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
}

/** Posts a TokenReview. @throws where the API cannot be asked. */
export type TokenReview = (spec: { readonly token: string; readonly audiences: readonly string[] }) => Promise<TokenReviewStatus>;

const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;
const POD_NAME = 'authentication.kubernetes.io/pod-name';

/** Asks the Kubernetes API, which also knows of pods and accounts that were deleted since a token was made. */
export class KubernetesTokenVerifier implements TokenVerifier {
  constructor(private readonly review: TokenReview) {}

  async verify(token: string): Promise<Workload | TokenRefusal> {
    let status: TokenReviewStatus;
    try {
      status = await this.review({ token, audiences: [TOKEN_AUDIENCE] });
    } catch (error) {
      return { refused: `the Kubernetes API cannot review tokens: ${(error as Error).message}`, unavailable: true };
    }
    // The API's words may quote parts of the token, hence none of them.
    if (!status.authenticated) return { refused: 'the token is not valid: expired, of another cluster, or of a pod that is gone' };
    // One that was made for another server, the API included, is worth nothing here. An API server that does not know of audiences answers without them, and has checked nothing.
    if (!status.audiences?.includes(TOKEN_AUDIENCE)) return { refused: `the token is not for the audience ${TOKEN_AUDIENCE}` };
    const [, namespace, serviceAccount] = SERVICE_ACCOUNT.exec(status.user?.username ?? '') ?? [];
    if (namespace === undefined || serviceAccount === undefined) return { refused: `the token is of ${status.user?.username ?? 'nobody'}, which is no service account` };
    return { namespace, serviceAccount, pod: status.user?.extra?.[POD_NAME]?.[0] };
  }
}

/** Tokens that were handed out by whoever started the workloads, as on a laptop. */
export class ListedTokenVerifier implements TokenVerifier {
  constructor(private readonly workloads: () => ReadonlyMap<string, Workload>) {}

  async verify(token: string): Promise<Workload | TokenRefusal> {
    return this.workloads().get(token) ?? { refused: 'the token is not one of those that this mesh was started with' };
  }
}
