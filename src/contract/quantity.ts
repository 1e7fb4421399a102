const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  'n': 1e-9,
  'u': 1e-6,
  'm': 1e-3,
  'k': 1e3,
  'M': 1e6,
  'G': 1e9,
  'T': 1e12,
  'P': 1e15,
  'E': 1e18,
  'Ki': 2 ** 10,
  'Mi': 2 ** 20,
  'Gi': 2 ** 30,
  'Ti': 2 ** 40,
  'Pi': 2 ** 50,
  'Ei': 2 ** 60,
};

/** Kubernetes' quantity as a number: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. NaN, which compares with nothing, for a text that is none. */
export function quantity(text: string): number {
  const [, number, suffix = ''] = /^([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(String(text)) ?? [];
  return number === undefined ? Number.NaN : Number(number) * (SUFFIXES[suffix] ?? Number.NaN);
}
