import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const ROOT = resolve(__dirname, '../../..');

export type Algorithm = 'RS256' | 'ES256' | 'EdDSA';

/** A private key as the provider keeps it. */
export function providerKey(algorithm: Algorithm, id: string): JsonWebKey {
  const pair: { privateKey: KeyObject } = algorithm === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' };
}

/** oidc-provider as a process of its own, by a Node that it supports. */
export class OpenIdProvider {
  private child: ChildProcess | undefined;
  private lines: Interface | undefined;
  private port = 0;

  /** @param tls files of its certificate, with which it speaks TLS, and the authority of that */
  constructor(
    private readonly host: string, private readonly tls?: { readonly certificate: string; readonly key: string; readonly authority: string },
  ) {}

  get issuer(): string {
    return `${this.tls ? 'https' : 'http'}://${this.host}:${this.port}`;
  }

  /** Begins, at the port that it had before where it had one. */
  async start(...keys: readonly JsonWebKey[]): Promise<void> {
    const supported = Number(process.versions.node.split('.')[0]) >= 22;
    const node = supported ? process.execPath : execFileSync(process.execPath, [join(ROOT, 'scripts/peer.mjs'), 'node', '22'], { encoding: 'utf8' }).trim();
    this.child = spawn(node, [join(__dirname, 'serve.mjs'), this.host, String(this.port), ...this.tls ? [this.tls.certificate, this.tls.key] : []], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.lines = createInterface({ input: this.child.stdout! });
    await this.setKeys(...keys);
  }

  /** Other keys from now on; the first of an algorithm signs. */
  async setKeys(...keys: readonly JsonWebKey[]): Promise<void> {
    const answered = once(this.lines!, 'line') as Promise<[string]>;
    this.child!.stdin!.write(`${JSON.stringify({ keys })}\n`);
    this.port = Number((await answered)[0].split(' ')[1]);
  }

  /** An access token for `payment`, signed by an algorithm. */
  async token(algorithm: Algorithm, scope = 'payments:read', audience = 'payment'): Promise<string> {
    const body = new URLSearchParams({ grant_type: 'client_credentials', resource: `urn:${audience}:${algorithm}`, scope }).toString();
    const answer = await new Promise<string>((done, failed) => {
      const sent = (this.tls ? requestTls : request)(`${this.issuer}/token`, {
        method: 'POST', agent: false, ...this.tls && { ca: this.tls.authority },
        headers: { 'authorization': `Basic ${Buffer.from('mesh:a-secret-of-this-test').toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
      }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => done(text));
      });
      sent.on('error', failed);
      sent.end(body);
    });
    const { access_token: token } = JSON.parse(answer) as { access_token?: string };
    if (token === undefined) throw new Error(`the provider gives no token: ${answer}`);
    return token;
  }

  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
