import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** The clients that are tested, and how each is started; a target follows. */
export const CLIENTS: readonly (readonly [string, () => readonly string[]])[] = [
  ['grpc-js-xds', () => [process.execPath, resolve(__dirname, 'clients/grpc-js.mjs')]],
  ['grpcio', () => [
    execFileSync(process.execPath, [resolve(__dirname, '../../../scripts/peer.mjs'), 'grpcio'], { encoding: 'utf8' }).trim(),
    resolve(__dirname, 'clients/grpcio.py'),
  ]],
];
