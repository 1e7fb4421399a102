import { injected, type AdmittedPod, type InjectionSettings } from '../../../src/contract';

/** `AdmissionReview` (admission.k8s.io/v1), as far as it is read here. */
export interface AdmissionReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly request?: {
    readonly uid: string;
    readonly namespace?: string;
    readonly object?: AdmittedPod;
  };
}

export interface AdmissionAnswer {
  readonly apiVersion: 'admission.k8s.io/v1';
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: 'JSONPatch';
    /** Base64 of a JSON patch (RFC 6902). */
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly code: number; readonly message: string };
  };
}

/** What became of a pod. */
export type Admission = 'injected' | 'left' | 'refused';

/**
 * Answers the API server: the pod with its sidecar, as one JSON patch. A pod that asks for the mesh and cannot be in it is refused: it would run with
 * neither encryption nor policy, and nobody would see that.
 * @param settings undefined while no Mesh says what is injected
 */
export function review(
  { request }: AdmissionReview, settings: InjectionSettings | undefined,
): { readonly answer: AdmissionAnswer; readonly admission: Admission } {
  const { uid, namespace = 'default', object } = request!;
  const answer = (response: Omit<AdmissionAnswer['response'], 'uid'>): AdmissionAnswer => ({
    apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...response },
  });
  const refuse = (code: number, message: string) => (
    { admission: 'refused' as const, answer: answer({ allowed: false, status: { code, message: `meshwright: ${message}` } }) });
  if (object?.spec === undefined) return refuse(400, 'the review holds no pod');
  if (!settings) return refuse(503, 'no Mesh of the control plane\'s namespace has spec.injection yet; apply it, or take the label off');
  const made = injected(object, namespace, settings);
  if ('reason' in made) {
    return made.refused ? refuse(422, made.reason) : { admission: 'left', answer: answer({ allowed: true }) };
  }
  const patch = Buffer.from(JSON.stringify([{ op: 'replace', path: '/spec', value: made.spec }])).toString('base64');
  // `kubectl` shows them to whoever creates the pod.
  const warnings = made.warnings.map((warning) => `meshwright: ${warning}`);
  return { admission: 'injected', answer: answer({ allowed: true, patchType: 'JSONPatch', patch, ...warnings.length > 0 && { warnings } }) };
}
