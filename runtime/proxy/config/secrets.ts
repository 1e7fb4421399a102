import type { SecretConfig, SecretKind } from './types';

/** What something refers to, and what that has to be. */
export type NeededSecret = readonly [name: string, kind: SecretKind];

/** In words, by Envoy's names. */
export const SECRET_KIND: Readonly<Record<SecretKind, string>> = {
  certificate: 'tls_certificate', validation: 'validation_context', ticket_keys: 'session_ticket_keys',
};

/** Secrets by name: those that SDS brought, and those of the bootstrap and of the proxy itself, which nobody else may change. */
export class SecretSet {
  readonly discovered = new Map<string, SecretConfig>();
  private readonly fixed = new Map<string, SecretConfig>();

  addFixed(secret: SecretConfig): void {
    this.fixed.set(secret.name, secret);
  }

  isFixed(name: string): boolean {
    return this.fixed.has(name);
  }

  set(secret: SecretConfig): void {
    this.discovered.set(secret.name, secret);
  }

  private get(name: string): SecretConfig | undefined {
    return this.fixed.get(name) ?? this.discovered.get(name);
  }

  /** Whether all of them are there, and are what they have to be. */
  has(needed: readonly NeededSecret[]): boolean {
    return needed.every(([name, kind]) => this.get(name)?.kind === kind);
  }

  /** The names that SDS has to bring. */
  toAskFor(needed: readonly NeededSecret[]): ReadonlySet<string> {
    return new Set(needed.map(([name]) => name).filter((name) => !this.fixed.has(name)));
  }

  addTo(secrets: Map<string, SecretConfig>, needed: readonly NeededSecret[]): void {
    for (const [name] of needed) secrets.set(name, this.get(name)!);
  }
}
