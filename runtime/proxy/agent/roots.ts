/** Where roots come from beside the control plane's own word: with a certificate, and in a file that the kubelet renews within minutes. */
export type RootsFrom = 'issued' | 'mounted';

/**
 * The roots to be trusted, of what is known in several ways, each at its own time. What the control plane says is the newest; anything else counts
 * beside it once it has changed after that, as long as the control plane is away, say. Before it has said anything all of it counts.
 */
export class Roots {
  private told = '';
  private readonly seen = new Map<RootsFrom, { readonly text: string; readonly newer: boolean }>();

  tell(bundle: string): void {
    this.told = bundle;
    for (const [from, { text }] of this.seen) this.seen.set(from, { text, newer: false });
  }

  see(from: RootsFrom, text: string): void {
    if (this.seen.get(from)?.text !== text) this.seen.set(from, { text, newer: true });
  }

  /** PEM, each root once. */
  get bundle(): string {
    const all = [this.told, ...[...this.seen.values()].filter(({ newer }) => newer).map(({ text }) => text)].join('\n');
    const blocks = all.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return `${[...new Set(blocks.map((block) => block.replaceAll('\r', '')))].join('\n')}\n`;
  }
}
