import { CONTROL_PLANE } from '../contract/identity';
import { GROUP, INJECT_DISABLED, INJECT_ENABLED, INJECT_LABEL, INJECT_PATH } from '../contract/names';

/**
 * Two webhooks, of which at most one is asked for a pod: that of namespaces with the label, and that of pods with it elsewhere. Whoever asks for
 * nothing is never held up by a control plane that is away. The control plane's own pods, without which there is nobody to ask, never ask.
 */
export function injectorWebhooks(namespace: string, failurePolicy: 'Fail' | 'Ignore'): object[] {
  const label = (operator: 'In' | 'NotIn', value: string) => ({ key: INJECT_LABEL, operator, values: [value] });
  const notTheControlPlane = { key: 'app.kubernetes.io/name', operator: 'NotIn', values: [CONTROL_PLANE] };
  const webhook = (name: string, inNamespaces: object, ofPods: object) => ({
    name: `${name}.${GROUP}`,
    admissionReviewVersions: ['v1'],
    // The roots by which it is known are written here by the control plane, which makes and renews them.
    clientConfig: { service: { namespace, name: CONTROL_PLANE, path: INJECT_PATH, port: 443 } },
    failurePolicy,
    matchPolicy: 'Equivalent',
    namespaceSelector: { matchExpressions: [inNamespaces] },
    objectSelector: { matchExpressions: [ofPods, notTheControlPlane] },
    // Another webhook that adds a container after this one is seen too; a pod with its sidecar is left as it is.
    reinvocationPolicy: 'IfNeeded',
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    sideEffects: 'None',
    timeoutSeconds: 10,
  });
  return [
    webhook('namespaces', label('In', INJECT_ENABLED), label('NotIn', INJECT_DISABLED)),
    webhook('pods', label('NotIn', INJECT_ENABLED), label('In', INJECT_ENABLED)),
  ];
}
