import type { Target } from '../engine';
import { clientHelloTarget } from './client-hello';
import { connections } from './connection';
import { frames, hpack } from './hpack';
import { http1Request, http1Response } from './http1';
import { bootstrap, xds } from './xds';

/** Everything that reads bytes which others write. */
export async function targets(): Promise<Target[]> {
  return [http1Request, http1Response, hpack, frames, xds, bootstrap, await clientHelloTarget(), ...await connections()];
}
