/** A coding that the proxy can make. */
export interface Offer {
  readonly coding: string;
  /** Wins where the client likes several alike. */
  readonly chooseFirst: boolean;
}

/**
 * Which of `offers` an Accept-Encoding asks for most (RFC 9110 §12.5.3); -1: none, the answer goes as it is. Codings liked alike are taken in the
 * order of `offers`. A request that says nothing gets nothing encoded, as with Envoy; nor does one that likes `identity` more.
 */
export function chooseCoding(field: string | undefined, offers: readonly Offer[]): number {
  if (field === undefined) return -1;
  const weights = new Map<string, number>();
  for (const item of field.toLowerCase().split(',')) {
    const [name, ...parameters] = item.split(';').map((part) => part.trim());
    if (name === '') continue;
    const coding = name === 'x-gzip' ? 'gzip' : name;
    if (!weights.has(coding)) weights.set(coding, weightOf(parameters));
  }
  const others = weights.get('*') ?? 0;
  let best = -1, bestWeight = weights.get('identity') ?? 0, bestFirst = false;
  offers.forEach(({ coding, chooseFirst }, index) => {
    const weight = weights.get(coding) ?? others;
    if (weight === 0) return;
    const isFirstLiked = best < 0 ? weight >= bestWeight : weight > bestWeight || (weight === bestWeight && chooseFirst && !bestFirst);
    if (!isFirstLiked) return;
    best = index;
    bestWeight = weight;
    bestFirst = chooseFirst;
  });
  return best;
}

/** RFC 9110 §12.4.2; a weight that is none is as good as 0: what is not understood is not asked for. */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (weight === undefined) return 1;
  const digits = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(weight);
  return digits === null ? 0 : Number(digits[1]);
}
