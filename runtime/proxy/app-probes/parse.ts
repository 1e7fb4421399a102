import type { AppProbe, AppProbes } from './types';

/** Kubernetes' defaults of a Probe. */
const TIMEOUT_SECONDS = 1;
const SCHEME = 'HTTP';

type Json = Record<string, unknown>;

const KINDS = ['httpGet', 'tcpSocket', 'grpc'] as const;

/** Reads `--app-probes`: an object of Kubernetes' Probes by path. @param problems gets what is wrong, a line each */
export function parseAppProbes(text: string, problems: string[]): AppProbes {
  const probes = new Map<string, AppProbe>();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    document = undefined;
  }
  if (!isObject(document)) {
    problems.push('--app-probes: must be a JSON object of probes by path');
    return probes;
  }
  for (const [path, value] of Object.entries(document)) {
    const bad = (what: string) => { problems.push(`--app-probes: ${path}: ${what}`); };
    if (!/^\/app-health\/[^/?#\s]+\/(startup|readiness|liveness)$/.test(path)) bad('must be /app-health/CONTAINER/startup, readiness or liveness');
    const probe = isObject(value) ? probeOf(value, bad) : bad('must be a probe');
    if (probe) probes.set(path, probe);
  }
  return probes;
}

function probeOf(value: Json, bad: (what: string) => void): AppProbe | undefined {
  const kinds = KINDS.filter((one) => isObject(value[one]));
  if (kinds.length !== 1) {
    bad(`must have one of ${KINDS.join(', ')}`);
    return undefined;
  }
  const [kind] = kinds;
  const action = value[kind] as Json;
  const seconds = value.timeoutSeconds ?? TIMEOUT_SECONDS;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < 1e6)) bad(`timeoutSeconds: ${JSON.stringify(seconds)} must be a number of seconds`);
  const { port } = action as { port: number };
  if (!Number.isInteger(port) || port < 1 || port > 65_535) bad(`port: ${JSON.stringify(port)} must be a port`);
  const timeout = Number(seconds) * 1000;
  if (kind === 'tcpSocket') return { kind, port, timeout };
  if (kind === 'grpc') {
    const { service = '' } = action;
    // The length of the name is one byte of the message.
    if (typeof service !== 'string' || Buffer.byteLength(service) > 127) bad('service: must be a name of at most 127 bytes');
    return { kind, port, service: String(service), timeout };
  }
  const { path = '/', scheme = SCHEME, httpHeaders = [] } = action;
  if (typeof path !== 'string' || /[^\x21-\x7e]/.test(path)) bad(`path: ${JSON.stringify(path)} must be a path`);
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') bad(`scheme: ${JSON.stringify(scheme)} must be HTTP or HTTPS`);
  const headers = Array.isArray(httpHeaders) ? httpHeaders as { name: string; value: string }[] : [];
  if (headers.length !== (httpHeaders as unknown[]).length) bad('httpHeaders: must be a list');
  for (const header of headers) {
    const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http');
    try {
      validateHeaderName(header.name);
      validateHeaderValue(header.name, header.value);
    } catch {
      // Its value may be a password.
      bad(`httpHeaders: ${JSON.stringify(header?.name)} must be a header`);
    }
  }
  const text = String(path);
  return { kind, port, path: text.startsWith('/') ? text : `/${text}`, secure: scheme === 'HTTPS', headers, timeout };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
