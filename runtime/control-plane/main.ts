import { writeSync } from 'node:fs';
import { systemClock } from '../clock';
import { startControlPlane } from './control-plane';
import { createLog } from './log';
import { OptionsError, parseOptions, USAGE, type Options } from './options';
import { CombinedSource, FolderSource } from './source';

async function run({ folders, xdsAddress, adminAddress, statusFile, logLevel }: Options): Promise<void> {
  const clock = systemClock;
  const log = createLog(clock, logLevel, (line) => writeSync(2, line));
  const sources = folders.map((folder) => new FolderSource(folder, {
    clock, onError: (error) => log.error('source', 'watching failed', { folder, reason: error.message }),
  }));
  const source = sources.length === 1 ? sources[0] : new CombinedSource(sources);
  const controlPlane = await startControlPlane({ source, clock, log, xdsAddress, adminAddress, statusFile });
  const stop = (signal: string) => {
    log.info('main', 'ending', { signal });
    controlPlane.close().then(() => process.exit(0), (error: Error) => fail(error));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(error: Error): never {
  writeSync(2, `${error instanceof OptionsError ? `${error.message}\n\n${USAGE}` : error.stack ?? error.message}\n`);
  process.exit(1);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options) run(options).catch(fail);
  else writeSync(1, USAGE);
} catch (error) {
  fail(error as Error);
}
