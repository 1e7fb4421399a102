import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

const image = z.strictObject({
  command: z.array(z.string()).min(1),
  control: z.strictObject({ port: z.int().min(1).max(65_535), verbs: z.array(z.string().regex(/^[a-z][a-z-]*$/)).min(1) }).optional(),
});

const load = z.strictObject({
  from: z.string().min(1),
  url: z.url({ protocol: /^http$/ }),
  method: z.string().regex(/^[A-Z]+$/).default('GET'),
  requestsPerSecond: z.number().positive().max(1000),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
});

const token = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }),
  claims: z.record(z.string(), z.unknown()).default({}),
});

/** Names of tokens in a header: `Bearer $(token:customer)`. */
const TOKEN = /\$\(token:([^)]*)\)/g;

const document = z.strictObject({
  images: z.record(z.string(), image).default({}),
  outside: z.record(z.string(), image).default({}),
  tokens: z.record(z.string().regex(/^[a-z0-9-]+$/), token).default({}),
  load: z.array(load).default([]),
}).superRefine(({ load: loads, tokens }, context) => {
  loads.forEach(({ headers }, index) => {
    for (const [header, value] of Object.entries(headers)) {
      for (const [, name] of value.matchAll(TOKEN)) {
        if (Object.hasOwn(tokens, name!)) continue;
        context.addIssue({ code: 'custom', path: ['load', index, 'headers', header], message: `there is no ${JSON.stringify(name)} in tokens` });
      }
    }
  });
});

export type TokenSettings = z.infer<typeof token>;
/** How an image runs as a process of this machine. */
export type ImageSettings = z.infer<typeof image>;
/**
 * Requests that the runner sends through the outbound proxy of a pod. `$(random:N)` in a value is a number below N, new for every request; `$(token:NAME)` in a
 * header is a token of that name.
 */
export type LoadSettings = z.infer<typeof load>;

/**
 * `meshwright.local.yaml`: what a laptop has to know and a cluster does not.
 *
 * ```yaml
 * images:
 *   shop/payment:                    # every tag, unless one with a tag stands here too
 *     command: [node, payment.js]    # relative to this file; $(NAME) of the container's environment is expanded
 *     control: { port: 9900, verbs: [fail, slow, ok] }   # `payment: fail` becomes POST /fail to this port of its pods
 * outside:
 *   cards: { command: [node, cards.js] }                # plays the ExternalService of this name, in plain text
 * tokens:                            # issuers that are named here are played by the runner
 *   customer: { issuer: https://login.example, claims: { aud: order, sub: ann, scope: 'orders:write' } }
 * load:
 *   - { from: storefront, url: 'http://order/orders', requestsPerSecond: 20, headers: { authorization: 'Bearer $(token:customer)' } }
 * ```
 *
 * Beside what the manifest sets, a process finds in its environment `HOST` and `PORT`, where it has to listen.
 */
export interface Settings {
  readonly images: Readonly<Record<string, ImageSettings>>;
  /** What plays external services, by their names. */
  readonly outside: Readonly<Record<string, ImageSettings>>;
  /** Tokens that the runner makes, by the name that the load has for them. */
  readonly tokens: Readonly<Record<string, TokenSettings>>;
  readonly load: readonly LoadSettings[];
  /** Folder of the file: commands run in it. */
  readonly folder: string;
}

/** Nothing is said. */
export function noSettings(folder: string): Settings {
  return { ...document.parse({}), folder };
}

/** @throws with every mistake of the file, each with its path. */
export function parseSettings(text: string, file: string): Settings {
  const parsed = document.safeParse(parse(text) ?? {});
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || '(root)'}: ${issue.message}`);
    throw new Error(`${file}:\n${lines.join('\n')}`);
  }
  return { ...parsed.data, folder: dirname(resolve(file)) };
}

/** What runs an image: the entry with its tag or digest first, then the one of every tag. */
export function imageSettings(settings: Pick<Settings, 'images'>, reference: string): ImageSettings | undefined {
  return settings.images[reference] ?? settings.images[imageName(reference)];
}

/** An image's name without tag and digest. A colon of a registry's port is none of a tag. */
export function imageName(reference: string): string {
  const name = reference.split('@')[0]!;
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
