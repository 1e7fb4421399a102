/** A block of loopback addresses, `127.77.0.0/16`: .0.x for the runner and the control planes, the rest for pods. */
export class AddressBlock {
  private readonly assigned = new Map<string, string>();
  private readonly taken = new Set<string>();
  private next = 0;

  private constructor(readonly prefix: string) {}

  /** @throws for a text that is not `127.<0-255>.0.0/16`; 127.0 is everybody's and refused. */
  static parse(text: string): AddressBlock {
    const octet = /^127\.(\d{1,3})\.0\.0\/16$/.exec(text)?.[1];
    if (octet === undefined || Number(octet) > 255 || Number(octet) === 0) {
      throw new Error(`addresses ${JSON.stringify(text)}: must be a loopback block such as 127.77.0.0/16, and not 127.0.0.0/16`);
    }
    return new AddressBlock(`127.${Number(octet)}`);
  }

  /** Where the runner itself listens. */
  get runner(): string {
    return `${this.prefix}.0.1`;
  }

  /** Address of a control plane's replica, from 0. */
  controlPlane(replica: number): string {
    return `${this.prefix}.0.${2 + replica}`;
  }

  /** The address of a pod, the same until it is released. A released one is given out again as late as possible: a caller may still hold it. */
  pod(key: string): string {
    const known = this.assigned.get(key);
    if (known) return known;
    for (let tried = 0; tried < 254 * 254; tried++) {
      const address = `${this.prefix}.${1 + Math.floor(this.next / 254)}.${1 + (this.next % 254)}`;
      this.next = (this.next + 1) % (254 * 254);
      if (this.taken.has(address)) continue;
      this.taken.add(address);
      this.assigned.set(key, address);
      return address;
    }
    throw new Error(`${this.prefix}.0.0/16: all ${254 * 254} addresses for pods are in use`);
  }

  release(key: string): void {
    const address = this.assigned.get(key);
    if (address === undefined) return;
    this.assigned.delete(key);
    this.taken.delete(address);
  }
}
