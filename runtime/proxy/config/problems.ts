/** What is wrong with a document, each with the path of the field it is about. Collected, so that all come at once. */
export class Problems {
  private readonly found: string[] = [];

  /** @param path of the field from the resource: `filter_chains[0].filters[0].typed_config`; empty for the resource itself. */
  add(path: string, message: string): void {
    const problem = path === '' ? message : `${path}: ${message}`;
    if (!this.found.includes(problem)) this.found.push(problem);
  }

  get any(): boolean {
    return this.found.length > 0;
  }

  list(): readonly string[] {
    return this.found;
  }
}

/** A value as an error shows it: short, in JSON. */
export function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
