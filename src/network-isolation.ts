/**
 * Which NetworkPolicies a mesh emits. They are made of the same graph as everything else, and hold below the proxies: what nobody declares does not
 * reach a pod, whoever sends it. They have an effect where the cluster's network enforces them.
 */
export enum NetworkIsolation {
  /**
   * Pods are reached by their declared callers alone, and reach what they call, the control plane and the cluster's DNS alone. What is called outside of
   * the mesh by a name is open at its port to every address.
   */
  INGRESS_AND_EGRESS = 'ingress-and-egress',
  /** Pods are reached by their declared callers alone, and reach everything. */
  INGRESS = 'ingress',
  /** None. */
  NONE = 'none',
}
