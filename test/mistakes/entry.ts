/** A real misconfiguration of another mesh, written with this SDK as closely as it allows, and the program that was meant. */
export interface Mistake {
  /** Its number in docs/mistakes.md. */
  readonly id: string;
  readonly title: string;
  /** `type` where it does not compile, else the code that synth gives, and gives alone. */
  readonly verdict: 'type' | { readonly error: string } | { readonly warning: string };
  /** Codes that come with it, because one thing is wrong in two ways. */
  readonly beside?: readonly string[];
  /** What the compiler says, in part; of mistakes that do not compile. */
  readonly says?: RegExp;
  readonly wrong: string;
  readonly right: string;
}

/** One that cannot be written: the program does not compile. */
export interface TypeMistake extends Omit<Mistake, 'verdict' | 'beside'> {
  readonly says: RegExp;
}

/** The service that most of the mistakes are about. */
export function payment(...members: readonly string[]): string {
  return `const payment = new MeshService(shop, 'payment', { mesh, image: 'shop/payment:1.4.2', port${members.map((member) => `, ${member}`).join('')} });\n`;
}

/** It, with a second version. */
export const TWO_VERSIONS = `${payment()}const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });\n`;

/** A route of it with these rules. */
export function route(...rules: readonly string[]): string {
  return `new HttpRoute(shop, 'payment-route', { service: payment, rules: [${rules.join(', ')}] });\n`;
}

/** A workload that joins. */
export function joined(...statements: readonly string[]): string {
  return [
    'const deployment = new kplus.Deployment(shop, \'workload\', { replicas: 3 });',
    ...statements,
    'const payment = MeshService.fromWorkload(shop, \'payment\', { mesh, workload: deployment, port });',
  ].join('\n');
}
