/** Whether services of a mesh take plain text beside mutual TLS. Services always call each other by mutual TLS. */
export enum TrafficEncryption {
  /** Only mutual TLS is taken, of a service that declared the call. */
  STRICT = 'strict',
  /** Plain text is taken too, from anybody who can reach the pods: for a migration. Proxies count it, and synth warns. */
  PERMISSIVE = 'permissive',
}
