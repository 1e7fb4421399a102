import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDuration } from '../src/contract';

export const UP_USAGE = `usage: meshwright up DIR [options]

Runs the mesh of a folder of manifests on this machine: the control plane, and for each pod a proxy and its application, every pod at a loopback
address of its own. Changed manifests take effect while it runs. Ctrl-C ends everything.

      --settings FILE     how images run as processes (meshwright.local.yaml in DIR or beside it)
      --duration TIME     end by itself after TIME, such as 15s: exit code 0 if the mesh behaved, 1 if not
      --no-load           do not send the load of the settings
      --no-ui             plain lines, also on a terminal
      --addresses BLOCK   loopback block of the pods (127.77.0.0/16)
      --state DIR         logs, snapshots, endpoints (.meshwright/run-127.77)
      --stop-with-parent  end when the process that started this one does
  -h, --help
`;

export interface UpOptions {
  readonly folder: string;
  /** Undefined: the manifests run without one. */
  readonly settings: string | undefined;
  /** Milliseconds. */
  readonly duration: number | undefined;
  readonly load: boolean;
  readonly ui: boolean;
  readonly addresses: string;
  readonly state: string;
  readonly stopWithParent: boolean;
}

const FLAGS = {
  'settings': { type: 'string' },
  'duration': { type: 'string' },
  'no-load': { type: 'boolean' },
  'no-ui': { type: 'boolean' },
  'addresses': { type: 'string' },
  'state': { type: 'string' },
  'stop-with-parent': { type: 'boolean' },
  'help': { type: 'boolean', short: 'h' },
} as const;

/** @returns undefined where help was asked for. @throws with what is wrong */
export function parseUpOptions(args: readonly string[]): UpOptions | undefined {
  const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
  if (values.help) return undefined;
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw new Error('up takes one folder of manifests: meshwright up dist');
  if (!existsSync(folder)) throw new Error(`${folder}: no such folder; synthesize the manifests first (cdk8s synth)`);
  const addresses = values.addresses ?? '127.77.0.0/16';
  const duration = values.duration === undefined ? undefined : parseDuration(values.duration);
  if (values.duration !== undefined && !duration) throw new Error(`--duration ${values.duration}: must be a time such as 15s or 2m`);
  return {
    folder: resolve(folder),
    settings: values.settings ?? foundSettings(folder),
    duration,
    load: !values['no-load'],
    ui: !values['no-ui'],
    addresses,
    state: resolve(values.state ?? join('.meshwright', `run-${addresses.split('.', 2).join('.')}`)),
    stopWithParent: values['stop-with-parent'] ?? false,
  };
}

/** In the folder, or beside it: `dist/` is written anew by every synth. */
function foundSettings(folder: string): string | undefined {
  return [folder, dirname(resolve(folder))].map((place) => join(place, 'meshwright.local.yaml')).find(existsSync);
}
