import { writeSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '../clock';
import { ControlPlane } from './control-plane';
import { identitiesOf } from './identities';
import { RotationError } from './identity/rotation';
import { createLog } from './log';
import { OptionsError, parseOptions, USAGE, type Options } from './options';
import { ROTATE_USAGE, rotateRootCommand } from './rotate-root';
import { sourceOf } from './sources';

/** Milliseconds: proxies are spread evenly within half an hour or so after a replica was replaced. */
const STREAM_AGE = 30 * 60_000;

async function run(options: Options): Promise<void> {
  const clock = systemClock;
  const log = createLog(clock, options.logLevel, (line) => writeSync(2, line));
  const deps = { clock, random: Math.random, log, env: process.env };
  const { source, shared, api } = await sourceOf(options, deps);
  const identity = identitiesOf(options, { ...deps, api });
  if (!identity) log.warning('identity', 'there is no authority: nothing is encrypted, and whoever connects is let in');
  const { xdsAddress, adminAddress, injectorAddress, statusFile } = options;
  const injector = injectorAddress && api && { address: injectorAddress, namespace: process.env.POD_NAMESPACE ?? 'default', api };
  const streamAge = shared && { mean: STREAM_AGE, random: Math.random };
  const controlPlane = new ControlPlane({
    source, shared, identity, injector, random: Math.random, streamAge, clock, log, xdsAddress, adminAddress, statusFile,
  });
  const stop = (signal: string) => {
    log.info('main', 'ending', { signal });
    controlPlane.close().then(() => process.exit(0), (error: Error) => fail(error));
  };
  // Before the start, which may wait for an API for as long as that takes.
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await controlPlane.start();
}

function fail(error: Error, usage = USAGE): never {
  writeSync(2, `${error instanceof OptionsError ? `${error.message}\n\n${usage}` : error instanceof RotationError ? `${error.message}\n` : error.stack ?? error.message}\n`);
  process.exit(1);
}

async function rotate(args: readonly string[]): Promise<void> {
  // It waits by timers, and those alone keep no process alive.
  const { port1: alive } = new MessageChannel();
  alive.on('message', () => {});
  try {
    await rotateRootCommand(args, { clock: systemClock, env: process.env, say: (line) => writeSync(1, `${line}\n`) });
  } finally {
    alive.close();
  }
}

const [verb, ...rest] = process.argv.slice(2);
try {
  if (verb === 'rotate-root') {
    rotate(rest).catch((error: Error) => fail(error, ROTATE_USAGE));
  } else {
    const options = parseOptions(process.argv.slice(2));
    if (options) run(options).catch(fail);
    else writeSync(1, USAGE);
  }
} catch (error) {
  fail(error as Error);
}
