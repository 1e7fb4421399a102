/**
 * Environment of the proxy's process, in the sidecar's manifest and wherever else a proxy is started. glibc gives memory back to the system from
 * 128 KiB of free memory on, instead of a threshold that grows with the largest block ever freed: what the start took does not stay resident.
 */
export const SIDECAR_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_TRIM_THRESHOLD_: '131072' };
