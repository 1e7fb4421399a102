/** What becomes of calls that nobody declares, or that the caller's `allow` does not have. */
export enum Authorization {
  /** They are denied: 403, PERMISSION_DENIED in gRPC, a closed connection of bytes. The called logs who asked for what, and the rule that is missing. */
  ENFORCE = 'enforce',
  /** They pass, and are counted by caller: for finding out what is not declared yet. Synth warns. */
  AUDIT = 'audit',
}
